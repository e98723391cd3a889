#include "cli/time_argument.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <ctime>

#include "base/duration.h"
#include "base/terminal_text.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "cli/screen.h"
#include "core/query.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kDaySeconds = 86'400;
constexpr double kMaxSeconds = 3.2e9;
constexpr const char* kTimeForms =
    "a time (2026-11-21 07:41:02, 07:41, 2026-11-21, 2026-11-21T07:41:02Z, Unix seconds)";

// A time in parts, as it was written.
struct Written {
  int year = 0;  // 0: no date
  int month = 0;
  int day = 0;
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  int64_t micros = 0;
  int64_t open_micros = 0;  // what the text leaves open; 0 for a date alone
  bool has_clock = true;
  std::string_view zone;  // empty: this machine's
};

// Takes `min` to `max` digits off the front of `text`.
bool TakeDigits(std::string_view& text, size_t min, size_t max, int& value) {
  size_t count = 0;
  value = 0;
  for (; count < text.size() && count < max && IsDigit(text[count]); ++count) {
    value = value * 10 + (text[count] - '0');
  }
  text.remove_prefix(count);
  return count >= min;
}

bool Take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeDate(std::string_view& text, Written& written) {
  if (!TakeDigits(text, 4, 4, written.year) || !Take(text, '-') ||
      !TakeDigits(text, 2, 2, written.month) || !Take(text, '-') ||
      !TakeDigits(text, 2, 2, written.day)) {
    return false;
  }
  using namespace std::chrono;
  return year_month_day{year{written.year}, month{static_cast<unsigned>(written.month)},
                        std::chrono::day{static_cast<unsigned>(written.day)}}
             .ok() &&
         written.year > 0;
}

void TakeFraction(std::string_view& text, Written& written) {
  int64_t unit = kSecond;
  while (!text.empty() && IsDigit(text.front())) {
    unit /= 10;
    written.micros += (text.front() - '0') * unit;
    text.remove_prefix(1);
  }
  written.open_micros = std::max<int64_t>(unit, 1) - 1;
}

bool TakeClock(std::string_view& text, Written& written) {
  written.open_micros = 60 * kSecond - 1;
  if (!TakeDigits(text, 1, 2, written.hours) || !Take(text, ':') ||
      !TakeDigits(text, 2, 2, written.minutes)) {
    return false;
  }
  if (Take(text, ':')) {
    if (!TakeDigits(text, 2, 2, written.seconds)) return false;
    written.open_micros = kSecond - 1;
    const bool has_fraction = text.size() > 1 && (text[0] == '.' || text[0] == ',');
    if (has_fraction && IsDigit(text[1])) {
      text.remove_prefix(1);
      TakeFraction(text, written);
    }
  }
  return written.hours < 24 && written.minutes < 60 && written.seconds < 60;
}

std::optional<Written> Read(std::string_view text) {
  Written written;
  const bool has_date = text.size() >= 10 && text[4] == '-';
  if (has_date && !TakeDate(text, written)) return std::nullopt;
  written.has_clock = !(has_date && text.empty());
  if (!written.has_clock) return written;
  if (has_date && !Take(text, ' ') && !Take(text, 'T') && !Take(text, 't')) return std::nullopt;
  if (!TakeClock(text, written)) return std::nullopt;
  const size_t zone_at = text.find_first_not_of(' ');
  written.zone = zone_at == std::string_view::npos ? "" : text.substr(zone_at);
  return written;
}

// "Z", "UTC", "GMT", "+01:00", "+0100", "+01"; no value for anything else.
std::optional<int64_t> OffsetOf(std::string_view zone) {
  if (zone == "Z" || zone == "z" || zone == "UTC" || zone == "GMT") return 0;
  const int64_t sign = zone.starts_with('-') ? -1 : 1;
  if (!Take(zone, '+') && !Take(zone, '-')) return std::nullopt;
  int hours = 0;
  int minutes = 0;
  if (!TakeDigits(zone, 2, 2, hours)) return std::nullopt;
  if (!zone.empty()) {
    Take(zone, ':');
    if (!TakeDigits(zone, 2, 2, minutes)) return std::nullopt;
  }
  if (!zone.empty() || hours > 23 || minutes > 59) return std::nullopt;
  return sign * (hours * 3'600 + minutes * 60);
}

std::tm BrokenDown(const Written& written) {
  std::tm time{};
  time.tm_year = written.year - 1900;
  time.tm_mon = written.month - 1;
  time.tm_mday = written.day;
  time.tm_hour = written.hours;
  time.tm_min = written.minutes;
  time.tm_sec = written.seconds;
  time.tm_isdst = -1;
  return time;
}

void SetDate(Written& written, const std::tm& time) {
  written.year = time.tm_year + 1900;
  written.month = time.tm_mon + 1;
  written.day = time.tm_mday;
}

// In the zone of this machine; no value where `written.zone` is not the abbreviation it has then.
std::optional<int64_t> LocalSeconds(const Written& written) {
  std::tm time = BrokenDown(written);
  const int64_t seconds = ::mktime(&time);
  if (!written.zone.empty() && written.zone != time.tm_zone) return std::nullopt;
  return seconds;
}

std::optional<int64_t> SecondsOf(Written written, int64_t now_seconds) {
  const std::optional<int64_t> offset = OffsetOf(written.zone);
  const bool has_date = written.year > 0;
  if (!has_date) {
    const time_t now = static_cast<time_t>(now_seconds + offset.value_or(0));
    std::tm today{};
    if (offset) {
      ::gmtime_r(&now, &today);
    } else {
      ::localtime_r(&now, &today);
    }
    SetDate(written, today);
  }
  const auto seconds_of = [&]() -> std::optional<int64_t> {
    if (!offset) return LocalSeconds(written);
    std::tm time = BrokenDown(written);
    return int64_t{::timegm(&time)} - *offset;
  };
  std::optional<int64_t> seconds = seconds_of();
  if (!has_date && seconds && *seconds > now_seconds) {
    if (offset) return *seconds - kDaySeconds;
    --written.day;  // mktime() takes the day before the first
    seconds = seconds_of();
  }
  return seconds;
}

bool IsDurationOrEnd(const std::string& text) {
  return text == "all" || text == "now" || ParseDuration(text);
}

tl::unexpected<CliError> InvalidTime(const std::string& option, const std::string& text,
                                     const std::string& or_else) {
  return Fail(ExitCode::kUsage, option + ": invalid time '" + EscapeControls(Shorten(text, 60)) +
                                    "'; give " + kTimeForms + or_else);
}

}  // namespace

std::optional<Moment> ParseMoment(std::string_view text, int64_t now_micros) {
  // RFC 3339 is exact.
  if (const std::optional<int64_t> exact = ParseTimestamp(text); exact && text[10] != ' ') {
    return Moment{*exact, *exact};
  }
  if (const std::optional<Written> written = Read(text)) {
    const auto seconds = SecondsOf(*written, now_micros / kSecond);
    if (!seconds) return std::nullopt;
    const int64_t first = *seconds * kSecond + written->micros;
    if (written->has_clock) return Moment{first, first + written->open_micros};
    Written next_day = *written;
    ++next_day.day;  // mktime() takes the day after the last
    return Moment{first,
                  SecondsOf(next_day, now_micros / kSecond).value_or(*seconds) * kSecond - 1};
  }
  if (const auto extended = ExtendedForm(text)) return ParseMoment(*extended, now_micros);
  const std::string number(text);
  const bool is_number = !number.empty() && IsDigit(number.front()) &&
                         number.find_first_not_of("0123456789.") == std::string::npos;
  const auto position = ParseSince(is_number ? number : "", now_micros);
  if (!position) return std::nullopt;
  return Moment{position->value, position->value};
}

CliResult<Moment> ParsePastMoment(const std::string& option, const std::string& text,
                                  int64_t now_micros) {
  if (const auto duration = ParseDuration(text)) {
    return Moment{now_micros - *duration, now_micros - *duration};
  }
  const std::optional<Moment> moment = ParseMoment(text, now_micros);
  if (!moment) return InvalidTime(option, text, ", or how long ago (10m, 1h30m)");
  if (moment->first_micros > now_micros) {
    return Fail(ExitCode::kUsage, option + ": " + text + " is in the future");
  }
  return Moment{moment->first_micros, std::min(moment->last_micros, now_micros)};
}

CliResult<std::string> SinceParameter(const std::string& option, const std::string& text,
                                      int64_t now_micros) {
  if (IsDurationOrEnd(text)) return text;
  const std::optional<Moment> moment = ParseMoment(text, now_micros);
  if (moment) return FormatTimestamp(moment->first_micros);
  const bool is_seq = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  return InvalidTime(option, text,
                     std::string(", how long ago (10m, 1h30m), all or now") +
                         (is_seq ? "; a seq goes with --after" : ""));
}

CliResult<std::string> AtParameter(const std::string& option, const std::string& text,
                                   int64_t now_micros) {
  const auto moment = ParsePastMoment(option, text, now_micros);
  if (!moment) return tl::unexpected(moment.error());
  // The daemon's clock is the one that counts.
  return ParseDuration(text) ? text : FormatTimestamp(moment->last_micros);
}

CliResult<int64_t> ParseSpan(const std::string& option, const std::string& text) {
  if (const auto duration = ParseDuration(text)) return *duration;
  double seconds = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
  if (parsed.ec == std::errc() && parsed.ptr == end && seconds >= 0 && seconds < kMaxSeconds) {
    return std::llround(seconds * 1e6);
  }
  return Fail(ExitCode::kUsage, option + ": invalid duration '" +
                                    EscapeControls(Shorten(text, 60)) +
                                    "'; give seconds, or a number with a unit (90s, 10m, 1h30m)");
}

CliResult<int64_t> ParseWholeSeconds(const std::string& option, const std::string& text,
                                     int64_t min, int64_t max) {
  const auto micros = ParseSpan(option, text);
  if (!micros) return micros;
  const int64_t seconds = *micros / kSecond;
  if (*micros % kSecond == 0 && seconds >= min && seconds <= max) return seconds;
  return Fail(ExitCode::kUsage, option + ": '" + EscapeControls(Shorten(text, 60)) +
                                    "' must be whole seconds, " + std::to_string(min) + " to " +
                                    std::to_string(max));
}

}  // namespace stagelog::cli
