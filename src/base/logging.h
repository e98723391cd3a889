// What the program says about itself: one asynchronous console logger (spdlog), so that a slow
// terminal never slows the thread that logs. spdlog's headers stay in logging.cc, and formatting is
// not instantiated in every file: both took a good part of a build.
#ifndef STAGELOG_BASE_LOGGING_H_
#define STAGELOG_BASE_LOGGING_H_

#include <fmt/core.h>

#include <optional>
#include <string_view>
#include <utility>

namespace stagelog {

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError, kCritical, kOff };

// The level that a configuration names: trace, debug, info, warning, error, critical, off.
std::optional<LogLevel> ParseLogLevel(std::string_view name);
std::string_view LogLevelName(LogLevel level);

// Makes the process's default logger: stderr, coloured on a terminal, written by a thread of its
// own. A line has its time (UTC) and level in front, but for those of events ("[events] ..."),
// which have a time already. When the terminal falls 8,192 lines behind, the oldest lines are
// dropped: the journal has them.
void StartLogging(LogLevel level);

// Flushes queued lines and ends the thread. Nothing may log afterwards.
void StopLogging();

// Any thread. Lines below `level` are not written; kOff: none is.
void SetLogLevel(LogLevel level);
bool IsLogged(LogLevel level);

// Any thread. Text that contains no placeholders, such as an event's line.
void LogText(LogLevel level, std::string_view text);
// What the four below call.
void LogFormatted(LogLevel level, fmt::string_view format, fmt::format_args arguments);

// Any thread. `format` is fmt's, checked by the compiler.
template <typename... Arguments>
void LogDebug(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  LogFormatted(LogLevel::kDebug, format, fmt::make_format_args(arguments...));
}
template <typename... Arguments>
void LogInfo(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  LogFormatted(LogLevel::kInfo, format, fmt::make_format_args(arguments...));
}
template <typename... Arguments>
void LogWarning(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  LogFormatted(LogLevel::kWarning, format, fmt::make_format_args(arguments...));
}
template <typename... Arguments>
void LogError(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  LogFormatted(LogLevel::kError, format, fmt::make_format_args(arguments...));
}

}  // namespace stagelog

#endif  // STAGELOG_BASE_LOGGING_H_
