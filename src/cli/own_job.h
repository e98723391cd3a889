// The job of the `stagelog run` that a command is executed in.
#ifndef STAGELOG_CLI_OWN_JOB_H_
#define STAGELOG_CLI_OWN_JOB_H_

#include <optional>
#include <string>

#include "client/exit_code.h"

namespace stagelog::cli {

// The value of STAGELOG_JOB, which `stagelog run` sets for its command; none if unset. kUsage for a
// value that is not a valid job id.
CliResult<std::optional<std::string>> OwnJob();

// `given`, else OwnJob(). kUsage, with `usage` ("stagelog show JOB"), when there is neither and
// when `given` is no job's name.
CliResult<std::string> JobOrOwn(const std::string& given, const std::string& usage);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OWN_JOB_H_
