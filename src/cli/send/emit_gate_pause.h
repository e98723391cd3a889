// Sends the event that opens a gate, as `stagelog emit` does: within `stagelog run` it goes through
// the spool, so that it does not overtake pending events.
#ifndef STAGELOG_CLI_SEND_EMIT_GATE_PAUSE_H_
#define STAGELOG_CLI_SEND_EMIT_GATE_PAUSE_H_

#include <string>

#include "cli/commands.h"

namespace stagelog::cli {

// `payload` is a JSON object. Prints the receipt.
CliResult<ExitCode> EmitGatePause(Context& context, const std::string& job, const std::string& gate,
                                  const std::string& payload);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_EMIT_GATE_PAUSE_H_
