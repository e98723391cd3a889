// Committed events on the console, tagged [events].
#ifndef STAGELOG_LOG_CONSOLE_MIRROR_H_
#define STAGELOG_LOG_CONSOLE_MIRROR_H_

#include <string>
#include <string_view>

namespace stagelog {

// [events] 2026-11-21T07:41:02.123456Z render-42#17 stage_completed encode "encoded 9000 frames"
// [events] 2026-11-21T07:41:03.000456Z render-42#18 gate_approved ship (1 of 2) "looks good"
// [events] 2026-11-21T07:41:04.030456Z render-42#19 gate_approved ship !already_approved
// The message stays escaped as it is in `body`, so that it cannot steer a terminal.
std::string ConsoleLine(std::string_view body);

// Hands the line of an event of that level to the default logger, at its level. Does not wait for
// the terminal.
void MirrorToConsole(std::string_view level_name, std::string_view body);

}  // namespace stagelog

#endif  // STAGELOG_LOG_CONSOLE_MIRROR_H_
