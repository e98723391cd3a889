// Standing at a gate until it is decided.
#ifndef STAGELOG_CLI_SEND_GATE_WAIT_H_
#define STAGELOG_CLI_SEND_GATE_WAIT_H_

#include <cstdint>
#include <string>

#include "cli/commands.h"

namespace stagelog::cli {

// "/api/v1/jobs/<job>/gates/<gate>".
std::string GateTarget(const std::string& job, const std::string& gate);

// Waits until the gate is decided, and prints the decision; waits for a gate and a job that are not
// there yet too, and for a daemon that was there. `timeout_seconds` 0: as long as it takes. kOk:
// approved; kRejected; kUndecided: expired, canceled, not in time, or its job ended without it.
CliResult<ExitCode> WaitForGate(Context& context, const std::string& job, const std::string& gate,
                                int64_t timeout_seconds);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_GATE_WAIT_H_
