// One event as one line for a person.
#ifndef STAGELOG_TOOLS_CLI_EVENT_LINE_H_
#define STAGELOG_TOOLS_CLI_EVENT_LINE_H_

#include <string>

#include "core/event.h"
#include "tools/cli/screen.h"

namespace stagelog::cli {

// "2026-11-21T07:41:02.123456Z render-42#17 stage_completed encode "encoded 9000 frames"", as the
// daemon's console has it, in the colours of `out`; figures of progress before the message, and
// behind it, with a '!', why an event changed nothing. Without newline.
std::string EventLine(const Screen& out, const Event& event);

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_EVENT_LINE_H_
