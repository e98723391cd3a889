// Times and durations as option values: one grammar for all commands. Printed times can be used as
// input.
#ifndef STAGELOG_CLI_TIME_ARGUMENT_H_
#define STAGELOG_CLI_TIME_ARGUMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/exit_code.h"

namespace stagelog::cli {

// A time, and the range that the text covers: "21:54:00" is that whole second (printed times have
// no fraction), "21:54" the minute, a date the day.
struct Moment {
  int64_t first_micros = 0;  // since 1970
  int64_t last_micros = 0;   // the same where the text is exact

  bool operator==(const Moment&) const = default;
};

// A time: RFC 3339; "2026-11-28 21:54" with or without seconds and fraction, and with or without a
// zone behind ("UTC", "+01:00", or this machine's abbreviation such as "CET"); a date; either in
// the basic form of ISO 8601 as well (ExtendedForm() in base/timestamp.h); "21:54", the
// last time that the clock said so before `now_micros`; Unix seconds or milliseconds. Without a
// zone it is this machine's. No value for anything else.
std::optional<Moment> ParseMoment(std::string_view text, int64_t now_micros);

// Each of these takes the value of `option` ("--at"); a failure is kUsage and names both.

// A time, or a duration before `now_micros`.
CliResult<Moment> ParsePastMoment(const std::string& option, const std::string& text,
                                  int64_t now_micros);

// For `since=` of the daemon: a time in UTC; durations, "all" and "now" as they are.
CliResult<std::string> SinceParameter(const std::string& option, const std::string& text,
                                      int64_t now_micros);

// For `at=` of the daemon: the last moment of a time, but not later than now; a duration as it is.
CliResult<std::string> AtParameter(const std::string& option, const std::string& text,
                                   int64_t now_micros);

// A duration ("90s", "1h30m"), or a number of seconds.
CliResult<int64_t> ParseSpan(const std::string& option, const std::string& text);

// The same, in whole seconds from `min` to `max`.
CliResult<int64_t> ParseWholeSeconds(const std::string& option, const std::string& text,
                                     int64_t min, int64_t max);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_TIME_ARGUMENT_H_
