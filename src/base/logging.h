// spdlog as this project uses it: one asynchronous console logger, so that a slow terminal never
// slows the thread that logs.
#ifndef STAGELOG_BASE_LOGGING_H_
#define STAGELOG_BASE_LOGGING_H_

#include <spdlog/spdlog.h>

#include <optional>
#include <string_view>

namespace stagelog {

// The level that a configuration names: trace, debug, info, warning, error, critical, off.
std::optional<spdlog::level::level_enum> ParseLogLevel(std::string_view name);

// Makes the process's default logger: stderr, coloured on a terminal, written by a thread of its
// own. A line has its time (UTC) and level in front, but for those of events ("[events] ..."),
// which have a time already. When the terminal falls 8,192 lines behind, the oldest lines are
// dropped: the journal has them.
void StartLogging(spdlog::level::level_enum level);

// Flushes queued lines and ends the thread. Nothing may log afterwards.
void StopLogging();

}  // namespace stagelog

#endif  // STAGELOG_BASE_LOGGING_H_
