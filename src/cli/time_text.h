// Times and durations as people read them, in this machine's time zone.
#ifndef STAGELOG_CLI_TIME_TEXT_H_
#define STAGELOG_CLI_TIME_TEXT_H_

#include <cstdint>
#include <string>

namespace stagelog::cli {

// Times are microseconds since 1970. The calls are safe from any thread.

// "07:41:02.123".
std::string ClockText(int64_t micros);
// "07:41:02".
std::string ShortClockText(int64_t micros);
// "2026-11-21".
std::string DayText(int64_t micros);
// "2026-11-21 07:41:02".
std::string DateTimeText(int64_t micros);
// "07:41:02" on the day `today` (DayText() of now), "2026-11-21 07:41:02" on any other.
std::string MomentText(int64_t micros, const std::string& today);
// This machine's zone at that time: "UTC", else its distance, "+01:00".
std::string ZoneText(int64_t micros);

// At most six columns: "850ms", "3.2s", "4m05s", "2h03m", "5d03h", "400d".
std::string BriefDuration(int64_t micros);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_TIME_TEXT_H_
