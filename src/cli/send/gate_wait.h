// Waits for the decision of a gate.
#ifndef STAGELOG_CLI_SEND_GATE_WAIT_H_
#define STAGELOG_CLI_SEND_GATE_WAIT_H_

#include <cstdint>
#include <string>

#include "cli/commands.h"

namespace stagelog::cli {

// "/api/v1/jobs/<job>/gates/<gate>".
std::string GateTarget(const std::string& job, const std::string& gate);

// Waits until the gate is decided, and prints the decision; also waits for a gate and a job that do
// not exist yet, and for a daemon that became unreachable. `timeout_seconds` 0: no limit. kOk:
// approved; kRejected; kUndecided: expired, canceled, timed out, or its job ended without it.
CliResult<ExitCode> WaitForGate(Context& context, const std::string& job, const std::string& gate,
                                int64_t timeout_seconds);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_GATE_WAIT_H_
