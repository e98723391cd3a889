#include "base/timestamp.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

namespace stagelog {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kSecondsPerDay = 86'400;
constexpr int64_t kFirstMicros = -62'167'219'200 * kMicrosPerSecond;  // 0000-01-01
constexpr int64_t kLastMicros =
    253'402'300'800 * kMicrosPerSecond - 1;  // 9999-12-31T23:59:59.999999

void PutDigits(std::string& out, int64_t value, int width) {
  const size_t start = out.size();
  out.append(static_cast<size_t>(width), '0');
  for (size_t at = start + static_cast<size_t>(width); at > start && value > 0; value /= 10) {
    out[--at] = static_cast<char>('0' + value % 10);
  }
}

// Reads a fixed form from left to right; each call consumes what it names or fails for good.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  int64_t Digits(size_t count) {
    if (text_.size() < count) ok_ = false;
    if (!ok_) return 0;
    int64_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') ok_ = false;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }

  void OneOf(std::string_view allowed) {
    if (text_.empty() || allowed.find(text_.front()) == std::string_view::npos) ok_ = false;
    if (ok_) text_.remove_prefix(1);
  }

  int64_t FractionMicros() { return Takes(".") ? FractionDigits() : 0; }

  int64_t OffsetSeconds() {
    if (Peek('Z') || Peek('z')) {
      text_.remove_prefix(1);
      return 0;
    }
    const int64_t sign = Peek('-') ? -1 : 1;
    OneOf("+-");
    const int64_t hours = Digits(2);
    OneOf(":");
    const int64_t minutes = Digits(2);
    if (hours > 23 || minutes > 59) ok_ = false;
    return sign * (hours * 3600 + minutes * 60);
  }

  bool AtEnd() const { return ok_ && text_.empty(); }

  // The character that comes next, if it is one of `allowed`, is taken.
  bool Takes(std::string_view allowed) {
    if (!ok_ || text_.empty() || allowed.find(text_.front()) == std::string_view::npos)
      return false;
    text_.remove_prefix(1);
    return true;
  }

  // Digits behind the point or comma that was taken.
  int64_t FractionDigits() {
    if (!Digit()) ok_ = false;
    int64_t micros = 0;
    for (int64_t unit = kMicrosPerSecond / 10; Digit(); unit /= 10) {
      micros += (text_.front() - '0') * unit;
      text_.remove_prefix(1);
    }
    return micros;
  }

  // The rest as other programs spell a zone; no value where nothing is left.
  std::optional<int64_t> ForeignOffsetSeconds() {
    SkipBlanks();
    if (text_.empty()) return std::nullopt;
    if (TakesZulu()) return 0;
    const int64_t sign = Peek('-') ? -1 : 1;
    OneOf("+-");
    const int64_t hours = Digits(2);
    const bool has_colon = Takes(":");
    const int64_t minutes = has_colon || Digit() ? Digits(2) : 0;
    if (hours > 23 || minutes > 59) ok_ = false;
    SkipBlanks();
    static_cast<void>(TakesZulu());
    return sign * (hours * 3600 + minutes * 60);
  }

 private:
  void SkipBlanks() {
    while (Peek(' ')) text_.remove_prefix(1);
  }

  bool TakesZulu() {
    for (const std::string_view name : {"utc", "gmt", "z"}) {
      const bool is_it =
          text_.size() >= name.size() && std::equal(name.begin(), name.end(), text_.begin(),
                                                    [](char a, char b) { return a == (b | 0x20); });
      if (!is_it) continue;
      text_.remove_prefix(name.size());
      return true;
    }
    return false;
  }

  bool Peek(char c) const { return !text_.empty() && text_.front() == c; }
  bool Digit() const { return !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; }

  std::string_view text_;
  bool ok_ = true;
};

// Numbers as they stand in a text, before they are known to be a time.
struct TimeParts {
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  int64_t fraction_micros = 0;
  int64_t offset_seconds = 0;
};

std::optional<int64_t> MicrosOf(const TimeParts& parts) {
  using namespace std::chrono;
  const year_month_day date{year{static_cast<int>(parts.year)},
                            month{static_cast<unsigned>(parts.month)},
                            day{static_cast<unsigned>(parts.day)}};
  if (!date.ok() || parts.hours > 23 || parts.minutes > 59 || parts.seconds > 60) {
    return std::nullopt;
  }
  const int64_t day_count = sys_days{date}.time_since_epoch().count();
  const int64_t in_day =
      parts.hours * 3600 + parts.minutes * 60 + std::min<int64_t>(parts.seconds, 59);
  const int64_t seconds = day_count * kSecondsPerDay + in_day - parts.offset_seconds;
  const int64_t micros = seconds * kMicrosPerSecond + parts.fraction_micros;
  // An offset can lead out of the years that have a spelling.
  if (micros < kFirstMicros || micros > kLastMicros) return std::nullopt;
  return micros;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view WithoutBlanks(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// How many decimal places stand between the unit of a number of so many whole digits (without
// leading zeros) and a microsecond.
int PlacesToMicros(size_t whole_digits) {
  if (whole_digits <= 11) return 6;
  if (whole_digits <= 14) return 3;
  return whole_digits <= 17 ? 0 : -3;
}

// "1.5e3": rare, so that a double will do.
std::optional<int64_t> MicrosOfDouble(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const double size = std::abs(value);
  const double micros = value * (size < 1e11 ? 1e6 : size < 1e14 ? 1e3 : size < 1e17 ? 1 : 1e-3);
  if (!(size < 1e20) || micros < static_cast<double>(kFirstMicros) || micros > 2.5e17) {
    return std::nullopt;
  }
  return std::llround(micros);
}

}  // namespace

std::string FormatTimestamp(int64_t micros) {
  using namespace std::chrono;
  micros = std::clamp(micros, kFirstMicros, kLastMicros);
  const sys_time<microseconds> time{microseconds{micros}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const int64_t in_day = (time - day).count();
  std::string out;
  out.reserve(27);
  PutDigits(out, static_cast<int>(date.year()), 4);
  out += '-';
  PutDigits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  PutDigits(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  PutDigits(out, in_day / (3600 * kMicrosPerSecond), 2);
  out += ':';
  PutDigits(out, in_day / (60 * kMicrosPerSecond) % 60, 2);
  out += ':';
  PutDigits(out, in_day / kMicrosPerSecond % 60, 2);
  out += '.';
  PutDigits(out, in_day % kMicrosPerSecond, 6);
  out += 'Z';
  return out;
}

std::optional<int64_t> ParseTimestamp(std::string_view text) {
  Reader reader(text);
  TimeParts parts;
  parts.year = reader.Digits(4);
  reader.OneOf("-");
  parts.month = reader.Digits(2);
  reader.OneOf("-");
  parts.day = reader.Digits(2);
  reader.OneOf("Tt ");
  parts.hours = reader.Digits(2);
  reader.OneOf(":");
  parts.minutes = reader.Digits(2);
  reader.OneOf(":");
  parts.seconds = std::min<int64_t>(reader.Digits(2), 61);
  parts.fraction_micros = reader.FractionMicros();
  parts.offset_seconds = reader.OffsetSeconds();
  return reader.AtEnd() ? MicrosOf(parts) : std::nullopt;
}

namespace {

// Go prints "2022-08-19 21:56:29 +0200 CEST m=+0.01": what stands behind the offset adds nothing.
std::string_view WithoutGoSuffix(std::string_view text) {
  text = text.substr(0, text.find(" m="));
  const size_t blank = text.rfind(' ');
  if (blank == text.npos || blank < 5) return text;
  const std::string_view name = text.substr(blank + 1);
  const bool is_name =
      name.size() >= 2 && name.size() <= 5 &&
      std::all_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  const std::string_view offset = text.substr(blank - 5, 5);
  const bool has_offset = (offset.front() == '+' || offset.front() == '-') &&
                          std::all_of(offset.begin() + 1, offset.end(), IsDigit);
  return is_name && has_offset ? text.substr(0, blank) : text;
}

}  // namespace

std::optional<ForeignTime> ParseForeignTime(std::string_view text) {
  text = WithoutGoSuffix(WithoutBlanks(text));
  if (const std::optional<int64_t> micros = ParseUnixTime(text)) return ForeignTime{*micros, true};
  Reader reader(text);
  TimeParts parts;
  parts.year = reader.Digits(4);
  reader.OneOf("-/");
  parts.month = reader.Digits(2);
  reader.OneOf("-/");
  parts.day = reader.Digits(2);
  reader.OneOf("Tt ");
  parts.hours = reader.Digits(2);
  reader.OneOf(":");
  parts.minutes = reader.Digits(2);
  if (reader.Takes(":")) {
    parts.seconds = std::min<int64_t>(reader.Digits(2), 61);
    if (reader.Takes(".,")) parts.fraction_micros = reader.FractionDigits();
  }
  const std::optional<int64_t> offset = reader.ForeignOffsetSeconds();
  parts.offset_seconds = offset.value_or(0);
  const auto micros = reader.AtEnd() ? MicrosOf(parts) : std::nullopt;
  if (!micros) return std::nullopt;
  return ForeignTime{*micros, offset.has_value()};
}

std::optional<int64_t> ParseUnixTime(std::string_view text) {
  const bool is_negative = text.starts_with('-');
  std::string_view rest = text.substr(is_negative ? 1 : 0);
  const size_t point = std::min(rest.find('.'), rest.size());
  std::string_view whole = rest.substr(0, point);
  const std::string_view fraction = point < rest.size() ? rest.substr(point + 1) : "";
  const bool is_plain = !whole.empty() && std::all_of(whole.begin(), whole.end(), IsDigit) &&
                        std::all_of(fraction.begin(), fraction.end(), IsDigit) &&
                        (point == rest.size() || !fraction.empty());
  if (!is_plain) {
    const bool may_be_number =
        !rest.empty() && IsDigit(rest.front()) && rest.find_first_of("eE") != rest.npos;
    return may_be_number ? MicrosOfDouble(text) : std::nullopt;
  }
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  if (whole.size() > 20) return std::nullopt;
  // The digits with the point moved, so that no digit is lost on the way through a double.
  std::string digits = std::string(whole) + std::string(fraction.substr(0, 12));
  const size_t micro_digits =
      static_cast<size_t>(static_cast<int>(whole.size()) + PlacesToMicros(whole.size()));
  digits.append(micro_digits + 1 > digits.size() ? micro_digits + 1 - digits.size() : 0, '0');
  int64_t micros = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + micro_digits, micros);
  if (error != std::errc() || end != digits.data() + micro_digits) return std::nullopt;
  if (digits[micro_digits] >= '5') ++micros;
  if (is_negative) micros = -micros;
  if (micros < kFirstMicros || micros > kLastMicros) return std::nullopt;
  return micros;
}

}  // namespace stagelog
