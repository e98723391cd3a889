// Formats a command-line error as one line that names the wrong word.
#ifndef STAGELOG_CLI_USAGE_ERROR_H_
#define STAGELOG_CLI_USAGE_ERROR_H_

#include <string>
#include <vector>

#include "cli/commands.h"

namespace stagelog::cli {

// `words` are the arguments without the program's name, `problem` what the parser says of them: it
// complains of what is missing before it looks at what is unknown.
std::string ExplainUsage(const CommandLine& line, const std::vector<std::string>& words,
                         const std::string& problem);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_USAGE_ERROR_H_
