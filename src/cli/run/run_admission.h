// The check before a command is started: may it run as this job, and how does it begin?
#ifndef STAGELOG_CLI_RUN_RUN_ADMISSION_H_
#define STAGELOG_CLI_RUN_RUN_ADMISSION_H_

#include <string>

#include "cli/run/run_recorder.h"
#include "cli/run/run_target.h"
#include "client/exit_code.h"
#include "client/settings.h"

namespace stagelog::cli {

// kRefused for a canceled job without --resume (a supervisor that restarts a command must not undo
// a cancel) and for --new with an existing job; kUnreachable for --new without a daemon. Otherwise
// a daemon that does not answer within two seconds does not prevent the command from running; a
// warning says that a cancel could not be checked.
CliResult<RunBeginning::Job> AdmitRun(const Settings& settings, const RunTarget& target,
                                      const RunOptions& options, const Environment& environment);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_RUN_ADMISSION_H_
