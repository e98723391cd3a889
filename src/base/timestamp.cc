#include "base/timestamp.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <iterator>

#include "base/text.h"

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
  bool Digit() const { return !text_.empty() && IsDigit(text_.front()); }

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
  const bool is_leap_second = parts.seconds == 60;
  constexpr int64_t kHour = 3'600;
  const bool ends_hour = ((seconds % kHour) + kHour) % kHour == kHour - 1;
  if (is_leap_second && !ends_hour) return std::nullopt;
  const int64_t micros =
      seconds * kMicrosPerSecond + (is_leap_second ? kMicrosPerSecond - 1 : parts.fraction_micros);
  // An offset can lead out of the years that have a spelling.
  if (micros < kFirstMicros || micros > kLastMicros) return std::nullopt;
  return micros;
}

bool AreDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }

// A decimal number as its digits: a double does not hold nanoseconds.
struct Decimal {
  bool is_negative = false;
  std::string whole;  // without leading zeros; "0" at least
  std::string fraction;
};

// Takes the point `places` to the right.
void Shift(Decimal& number, int places) {
  for (; places > 0; --places) {
    number.whole += number.fraction.empty() ? '0' : number.fraction.front();
    if (!number.fraction.empty()) number.fraction.erase(0, 1);
  }
  for (; places < 0; ++places) {
    number.fraction.insert(number.fraction.begin(), number.whole.back());
    number.whole.pop_back();
    if (number.whole.empty()) number.whole = "0";
  }
}

std::optional<Decimal> DecimalOf(std::string_view text) {
  constexpr int kMaxExponent = 40;
  Decimal number;
  number.is_negative = text.starts_with('-');
  if (number.is_negative) text.remove_prefix(1);
  int exponent = 0;
  if (const size_t at = text.find_first_of("eE"); at != text.npos) {
    std::string_view digits = text.substr(at + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    if (digits.starts_with('-') && text[at + 1] == '+') return std::nullopt;
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, exponent);
    if (error != std::errc() || stop != end || exponent < -kMaxExponent ||
        exponent > kMaxExponent) {
      return std::nullopt;
    }
    text = text.substr(0, at);
  }
  const size_t point = std::min(text.find('.'), text.size());
  number.whole = text.substr(0, point);
  if (point < text.size()) number.fraction = text.substr(point + 1);
  const bool is_number = !number.whole.empty() && AreDigits(number.whole) &&
                         AreDigits(number.fraction) &&
                         (point == text.size() || !number.fraction.empty());
  if (!is_number) return std::nullopt;
  Shift(number, exponent);
  number.whole.erase(0, std::min(number.whole.find_first_not_of('0'), number.whole.size() - 1));
  return number;
}

// The whole digits; no value beyond 19 of them.
std::optional<uint64_t> WholeOf(const Decimal& number) {
  constexpr size_t kMaxDigits = 19;
  if (number.whole.size() > kMaxDigits) return std::nullopt;
  uint64_t value = 0;
  std::from_chars(number.whole.data(), number.whole.data() + number.whole.size(), value);
  return value;
}

// Nine digits: no date in digits, and 1973.
constexpr uint64_t kLeastSeconds = 100'000'000;
constexpr uint64_t kSecondsIn1990 = 631'152'000;
constexpr uint64_t kSecondsIn2000 = 946'684'800;
// Ten digits reach to 2286, in finer units three more each.
constexpr uint64_t kSecondsEnd = 10'000'000'000;
constexpr uint64_t kSmallSeconds = 10'000;

// How many decimal places stand between the unit of a number and a microsecond.
std::optional<int> PlacesToMicros(const Decimal& number) {
  if (number.is_negative) {
    const size_t digits = number.whole.size();
    if (digits > 20) return std::nullopt;
    return digits <= 11 ? 6 : digits <= 14 ? 3 : digits <= 17 ? 0 : -3;
  }
  const std::optional<uint64_t> value = WholeOf(number);
  if (!value) return std::nullopt;
  if (*value < kSmallSeconds) return 6;
  uint64_t unit = 1;
  for (const int places : {6, 3, 0, -3}) {
    const uint64_t first = places == 6    ? kLeastSeconds
                           : places == -3 ? kSecondsIn2000
                                          : kSecondsIn1990;
    if (*value >= first * unit && *value < kSecondsEnd * unit) return places;
    unit *= 1'000;
  }
  return std::nullopt;
}

// "20231114221320123" with or without more behind a point, in the extended form; the zone is not
// looked at.
std::optional<std::string> WithoutZoneExtended(std::string_view digits, std::string_view rest) {
  constexpr size_t kDateDigits = 8;
  if (digits.size() < kDateDigits) return std::nullopt;
  const std::string_view year = digits.substr(0, 4);
  if (year < "1900" || year > "2199") return std::nullopt;
  std::string out(year);
  const auto add = [&](char mark, size_t at) { (out += mark).append(digits.substr(at, 2)); };
  add('-', 4);
  add('-', 6);
  switch (digits.size()) {
    case 8:
      return rest.empty() ? std::optional(out) : std::nullopt;
    case 12:
    case 14:
    case 17:
    case 20:
      break;
    default:
      return std::nullopt;
  }
  add('T', 8);
  add(':', 10);
  if (digits.size() > 12) add(':', 12);
  if (digits.size() > 14) (out += '.').append(digits.substr(14));
  return out;
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

// Java prints "2023-11-14T23:13:20+01:00[Europe/Paris]".
struct ZoneName {
  std::string_view time;  // what stands before it
  std::string_view name;  // empty: none
};

ZoneName SplitZoneName(std::string_view text) {
  const size_t bracket = text.find('[');
  const bool is_zone = text.ends_with(']') && bracket != text.npos && bracket > 0 &&
                       (IsDigit(text[bracket - 1]) || text[bracket - 1] == 'Z');
  if (!is_zone) return {text, {}};
  return {text.substr(0, bracket), text.substr(bracket + 1, text.size() - bracket - 2)};
}

bool IsNameOfUtc(std::string_view zone) {
  constexpr std::string_view kNames[] = {"UTC",     "GMT",     "Z",         "UT",
                                         "Etc/UTC", "Etc/UCT", "Etc/GMT",   "UCT",
                                         "Etc/UT",  "Zulu",    "Universal", "Etc/Zulu"};
  return std::find(std::begin(kNames), std::end(kNames), zone) != std::end(kNames);
}

std::optional<ForeignTime> ParseWithoutZoneName(std::string_view text) {
  if (const std::optional<int64_t> micros = ParseUnixTime(text)) return ForeignTime{*micros, true};
  const std::optional<std::string> extended = ExtendedForm(text);
  if (extended) text = *extended;
  Reader reader(text);
  TimeParts parts;
  parts.year = reader.Digits(4);
  reader.OneOf("-/");
  parts.month = reader.Digits(2);
  reader.OneOf("-/");
  parts.day = reader.Digits(2);
  if (reader.AtEnd()) {
    const auto midnight = MicrosOf(parts);
    return midnight ? std::optional(ForeignTime{*midnight, false}) : std::nullopt;
  }
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

}  // namespace

std::optional<ForeignTime> ParseForeignTime(std::string_view text) {
  const ZoneName zone = SplitZoneName(WithoutGoSuffix(Trimmed(text)));
  auto time = ParseWithoutZoneName(zone.time);
  if (!time || time->has_zone || zone.name.empty()) return time;
  // Behind an offset the name adds nothing; alone it would need the tables of zones.
  if (!IsNameOfUtc(zone.name)) return std::nullopt;
  time->has_zone = true;
  return time;
}

std::optional<std::string> ExtendedForm(std::string_view text) {
  size_t count = std::min(text.find_first_not_of("0123456789"), text.size());
  std::string digits(text.substr(0, count));
  std::string_view rest = text.substr(count);
  // A 'T', or a blank, between date and clock. Seconds may be left out, minutes not.
  const bool has_mark = digits.size() == 8 && rest.size() > 1 &&
                        std::string_view("Tt ").find(rest.front()) != std::string_view::npos &&
                        IsDigit(rest[1]);
  if (has_mark) {
    rest.remove_prefix(1);
    count = std::min(rest.find_first_not_of("0123456789"), rest.size());
    if (count != 4 && count != 6) return std::nullopt;
    digits.append(rest.substr(0, count));
    rest.remove_prefix(count);
  }
  // 20231114.0 is how a table with gaps prints a whole number.
  if (digits.size() == 8 && rest.starts_with('.') && rest.size() > 1 &&
      rest.find_first_not_of('0', 1) == rest.npos) {
    rest = {};
  }
  auto extended = WithoutZoneExtended(digits, rest);
  if (!extended) return std::nullopt;
  const bool is_fraction = rest.starts_with('.') || rest.starts_with(',');
  if (is_fraction && digits.size() != 14) return std::nullopt;
  return *extended += rest;
}

std::optional<int64_t> ParseUnixTime(std::string_view text) {
  const std::optional<Decimal> number = DecimalOf(text);
  const std::optional<int> places = number ? PlacesToMicros(*number) : std::nullopt;
  if (!places) return std::nullopt;
  Decimal shifted = *number;
  Shift(shifted, *places);
  int64_t micros = 0;
  const char* last = shifted.whole.data() + shifted.whole.size();
  const auto [end, error] = std::from_chars(shifted.whole.data(), last, micros);
  if (error != std::errc() || end != last) return std::nullopt;
  if (number->is_negative) {
    const bool is_cut = shifted.fraction.find_first_not_of('0') != std::string::npos;
    micros = -micros - (is_cut ? 1 : 0);
  }
  if (micros < kFirstMicros || micros > kLastMicros) return std::nullopt;
  return micros;
}

std::string UnlikelyTimeText(std::string_view text) {
  text = Trimmed(text);
  const std::optional<Decimal> number = DecimalOf(text);
  if (!number || PlacesToMicros(*number)) return "";
  struct Kind {
    uint64_t first;
    uint64_t end;
    const char* what;
  };
  // From 1900, or where the count begins, to 2200.
  constexpr Kind kKinds[] = {
      {10'000, 110'000, "a day number of a spreadsheet"},
      {2'415'020, 2'524'594, "a Julian day"},
      {11'644'473'600'000'000, 18'902'591'999'999'999, "microseconds since 1601 (WebKit)"},
      {116'444'736'000'000'000, 189'025'920'000'000'000, "a Windows FILETIME (100 ns since 1601)"},
      {599'266'080'000'000'000, 693'937'152'000'000'000, ".NET ticks (100 ns since the year 1)"}};
  const std::optional<uint64_t> value = WholeOf(*number);
  for (const Kind& kind : kKinds) {
    if (value && !number->is_negative && *value >= kind.first && *value < kind.end) {
      return std::string("looks like ") + kind.what;
    }
  }
  return "is not a Unix time between 1990 and 2286 (in s, ms, us or ns)";
}

}  // namespace stagelog
