#include "base/timestamp.h"

#include <algorithm>
#include <chrono>

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

  int64_t FractionMicros() {
    if (!Peek('.')) return 0;
    text_.remove_prefix(1);
    if (text_.empty() || text_.front() < '0' || text_.front() > '9') ok_ = false;
    int64_t micros = 0;
    for (int64_t unit = kMicrosPerSecond / 10; Digit(); unit /= 10) {
      micros += (text_.front() - '0') * unit;
      text_.remove_prefix(1);
    }
    return micros;
  }

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

 private:
  bool Peek(char c) const { return !text_.empty() && text_.front() == c; }
  bool Digit() const { return !text_.empty() && text_.front() >= '0' && text_.front() <= '9'; }

  std::string_view text_;
  bool ok_ = true;
};

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
  using namespace std::chrono;
  Reader reader(text);
  const int64_t year_number = reader.Digits(4);
  reader.OneOf("-");
  const int64_t month_number = reader.Digits(2);
  reader.OneOf("-");
  const int64_t day_number = reader.Digits(2);
  reader.OneOf("Tt ");
  const int64_t hours_number = reader.Digits(2);
  reader.OneOf(":");
  const int64_t minutes_number = reader.Digits(2);
  reader.OneOf(":");
  const int64_t seconds_number = std::min<int64_t>(reader.Digits(2), 61);
  const int64_t fraction = reader.FractionMicros();
  const int64_t offset = reader.OffsetSeconds();
  if (!reader.AtEnd()) return std::nullopt;
  const year_month_day date{year{static_cast<int>(year_number)},
                            month{static_cast<unsigned>(month_number)},
                            day{static_cast<unsigned>(day_number)}};
  if (!date.ok() || hours_number > 23 || minutes_number > 59 || seconds_number > 60) {
    return std::nullopt;
  }
  const int64_t day_count = sys_days{date}.time_since_epoch().count();
  const int64_t in_day =
      hours_number * 3600 + minutes_number * 60 + std::min<int64_t>(seconds_number, 59);
  const int64_t seconds = day_count * kSecondsPerDay + in_day - offset;
  const int64_t micros = seconds * kMicrosPerSecond + fraction;
  // An offset can lead out of the years that have a spelling.
  if (micros < kFirstMicros || micros > kLastMicros) return std::nullopt;
  return micros;
}

}  // namespace stagelog
