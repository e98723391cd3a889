#include "cli/send/time_format.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <utility>

#include "base/text.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;

// The letters behind each '%', without the modifiers E and O.
std::string DirectivesOf(const std::string& format) {
  std::string letters;
  for (size_t at = 0; at + 1 < format.size(); ++at) {
    if (format[at] != '%') continue;
    ++at;
    const bool is_modifier = (format[at] == 'E' || format[at] == 'O') && at + 1 < format.size();
    if (is_modifier) ++at;
    letters += format[at];
  }
  return letters;
}

bool HasAny(const std::string& letters, const char* wanted) {
  return letters.find_first_of(wanted) != std::string::npos;
}

// Takes 1 to 9 digits; no value where none comes.
std::optional<int64_t> TakeFraction(std::string_view& text) {
  int64_t micros = 0;
  int64_t unit = kMicrosPerSecond / 10;
  size_t count = 0;
  while (count < text.size() && IsDigit(text[count])) {
    micros += (text[count] - '0') * unit;
    unit /= 10;
    ++count;
  }
  if (count == 0) return std::nullopt;
  text.remove_prefix(count);
  return micros;
}

// Takes the digits of Unix seconds, to the year 9999.
std::optional<int64_t> TakeUnixSeconds(std::string_view& text) {
  constexpr int64_t kLastSecond = 253'402'300'799;
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || seconds < -kLastSecond || seconds > kLastSecond) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return seconds;
}

bool TakeZulu(std::string_view& text) {
  for (const std::string_view name : {"UTC", "GMT", "Z"}) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return true;
  }
  return false;
}

// Takes what strptime() reads by a part of a format.
bool TakePart(std::string_view& text, const std::string& format, tm& time) {
  if (format.empty()) return true;
  const std::string copy(text);  // ends with a NUL
  const char* end = ::strptime(copy.c_str(), format.c_str(), &time);
  if (end == nullptr) return false;
  text.remove_prefix(static_cast<size_t>(end - copy.c_str()));
  return true;
}

std::optional<int64_t> MicrosOf(const tm& time, int64_t fraction) {
  using namespace std::chrono;
  const year_month_day date{year{time.tm_year + 1900},
                            month{static_cast<unsigned>(time.tm_mon + 1)},
                            day{static_cast<unsigned>(time.tm_mday)}};
  if (!date.ok() || time.tm_year < -1900 || time.tm_year > 9'999 - 1'900) return std::nullopt;
  const int64_t day_count = sys_days{date}.time_since_epoch().count();
  const int64_t in_day = time.tm_hour * 3'600 + time.tm_min * 60 + std::min(time.tm_sec, 59);
  constexpr int64_t kHour = 3'600;
  const int64_t seconds = in_day - time.tm_gmtoff;
  const bool is_leap_second = time.tm_sec > 59;  // as base/timestamp.h reads it
  const bool ends_hour = ((seconds % kHour) + kHour) % kHour == kHour - 1;
  if (time.tm_sec > 60 || (is_leap_second && !ends_hour)) return std::nullopt;
  return day_count * kMicrosPerDay + seconds * kMicrosPerSecond +
         (is_leap_second ? kMicrosPerSecond - 1 : fraction);
}

}  // namespace

CliResult<TimeFormat> TimeFormat::Make(const std::string& format) {
  const std::string letters = DirectivesOf(format);
  const auto wrong = [&format](const std::string& what) {
    return Fail(ExitCode::kUsage, "--time-format '" + format + "' has " + what +
                                      "; use the directives of strptime "
                                      "(%Y-%m-%d %H:%M:%S.%f %z)");
  };
  const bool is_unix = HasAny(letters, "s");
  if (is_unix && HasAny(letters, "YyCGgmbBhdejDFcxHIklMSTRrXUVWuw")) {
    return wrong("%s beside parts of a date; %s is the whole time");
  }
  if (!is_unix && !HasAny(letters, "dejDFcx")) return wrong("no day");
  if (!is_unix && !HasAny(letters, "mbBhjDFcx")) return wrong("a day without a month");
  TimeFormat made(format);
  made.has_year_ = is_unix || HasAny(letters, "YyGgDFcx");
  made.has_zone_ = is_unix || HasAny(letters, "zZ");
  return made;
}

std::optional<ForeignTime> TimeFormat::Parse(std::string_view text, int64_t now_micros) const {
  tm time{};
  time.tm_mday = 1;
  int64_t fraction = 0;
  std::optional<int64_t> unix_seconds;
  std::string part;
  for (size_t at = 0; at < format_.size(); ++at) {
    const bool is_ours = format_[at] == '%' && at + 1 < format_.size() &&
                         std::string_view("fZs").find(format_[at + 1]) != std::string_view::npos;
    if (!is_ours) {
      part += format_[at];
      if (format_[at] == '%' && at + 1 < format_.size()) part += format_[++at];
      continue;
    }
    if (!TakePart(text, std::exchange(part, {}), time)) return std::nullopt;
    if (format_[++at] == 'Z') {
      if (!TakeZulu(text)) return std::nullopt;
    } else if (format_[at] == 's') {
      unix_seconds = TakeUnixSeconds(text);
      if (!unix_seconds) return std::nullopt;
    } else {
      const auto micros = TakeFraction(text);
      if (!micros) return std::nullopt;
      fraction = *micros;
    }
  }
  if (!TakePart(text, part, time)) return std::nullopt;
  if (text.find_first_not_of(" \t\r\n") != std::string_view::npos) return std::nullopt;
  if (unix_seconds) return ForeignTime{*unix_seconds * kMicrosPerSecond + fraction, true};
  if (has_year_) {
    const auto micros = MicrosOf(time, fraction);
    return micros ? std::optional(ForeignTime{*micros, has_zone_}) : std::nullopt;
  }
  using namespace std::chrono;
  const sys_days today = floor<days>(sys_time<microseconds>{microseconds{now_micros}});
  time.tm_year = static_cast<int>(year_month_day{today}.year()) - 1'900 + 1;
  // Next year's only on its eve; 29 February waits for a leap year.
  for (int turn = 0; turn < 10; ++turn, --time.tm_year) {
    const auto micros = MicrosOf(time, fraction);
    if (micros && *micros <= now_micros + kMicrosPerDay) return ForeignTime{*micros, has_zone_};
  }
  return std::nullopt;
}

}  // namespace stagelog::cli
