#include "cli/send/time_object.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

#include "core/draft_decoder.h"
#include "core/json_object_reader.h"

namespace stagelog::cli {
namespace {

using Members = std::vector<JsonMember>;

constexpr int64_t kOneSecondMicros = 1'000'000;
// Years 0 to 9999.
constexpr int64_t kFirstSecond = -62'167'219'200;
constexpr int64_t kLastSecond = 253'402'300'799;

const JsonMember* Find(const Members& members, std::string_view key) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const JsonMember& member) { return member.key == key; });
  return found == members.end() ? nullptr : &*found;
}

// Of a number or a text.
std::optional<int64_t> IntegerOf(const JsonMember& member) {
  const std::string& digits = member.kind == JsonMember::Kind::kText ? member.text : member.raw;
  int64_t value = 0;
  const char* last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value);
  return error == std::errc() && end == last ? std::optional(value) : std::nullopt;
}

std::optional<ForeignTime> TimeOfMillis(int64_t millis) {
  constexpr int64_t kMillis = 1'000;
  if (millis < kFirstSecond * kMillis || millis > kLastSecond * kMillis) return std::nullopt;
  return ForeignTime{millis * kMillis, true};
}

std::optional<ForeignTime> TimeOfDate(const JsonMember& date) {
  if (date.kind == JsonMember::Kind::kText) return ParseForeignTime(date.text);
  if (date.kind == JsonMember::Kind::kObject) {
    const auto inner = ReadJsonObject(date.raw, kMaxJsonDepth);
    const JsonMember* number = inner ? Find(*inner, "$numberLong") : nullptr;
    const auto millis = number == nullptr ? std::nullopt : IntegerOf(*number);
    return millis ? TimeOfMillis(*millis) : std::nullopt;
  }
  const auto millis = IntegerOf(date);
  return millis ? TimeOfMillis(*millis) : std::nullopt;
}

std::optional<ForeignTime> TimeOfTimestamp(const JsonMember& timestamp) {
  if (timestamp.kind != JsonMember::Kind::kObject) return std::nullopt;
  const auto inner = ReadJsonObject(timestamp.raw, kMaxJsonDepth);
  const JsonMember* seconds = inner ? Find(*inner, "t") : nullptr;
  const auto value = seconds == nullptr ? std::nullopt : IntegerOf(*seconds);
  if (!value || *value < 0 || *value > UINT32_MAX) return std::nullopt;
  return ForeignTime{*value * kOneSecondMicros, true};
}

struct Pair {
  const char* seconds;
  const char* fraction;
  int64_t per_micro;  // units of the fraction in a microsecond
};

constexpr Pair kPairs[] = {{"epochSecond", "nanoOfSecond", 1'000},
                           {"epochSecond", "nano", 1'000},
                           {"epoch_second", "nano", 1'000},
                           {"seconds", "nanos", 1'000},
                           {"seconds", "nanoseconds", 1'000},
                           {"_seconds", "_nanoseconds", 1'000},
                           {"secs_since_epoch", "nanos_since_epoch", 1'000},
                           {"secs", "nsecs", 1'000},
                           {"sec", "nsec", 1'000},
                           {"sec", "nanosec", 1'000},
                           {"sec", "usec", 1},
                           {"tv_sec", "tv_nsec", 1'000},
                           {"tv_sec", "tv_usec", 1}};

std::optional<ForeignTime> TimeOfPair(const Members& members) {
  const JsonMember* lone = nullptr;
  for (const Pair& pair : kPairs) {
    const JsonMember* seconds = Find(members, pair.seconds);
    const JsonMember* fraction = Find(members, pair.fraction);
    if (seconds == nullptr) continue;
    if (fraction == nullptr) {
      lone = seconds;
      continue;
    }
    const auto whole = IntegerOf(*seconds);
    const auto part = IntegerOf(*fraction);
    const bool is_time = whole && part && *whole >= kFirstSecond && *whole <= kLastSecond &&
                         *part >= 0 && *part < kOneSecondMicros * pair.per_micro;
    if (!is_time) return std::nullopt;
    return ForeignTime{*whole * kOneSecondMicros + *part / pair.per_micro, true};
  }
  const auto whole = lone == nullptr ? std::nullopt : IntegerOf(*lone);
  constexpr int64_t kSmall = 10'000;  // a duration
  const auto micros =
      whole && *whole >= kSmall ? ParseUnixTime(std::to_string(*whole)) : std::nullopt;
  return micros ? std::optional(ForeignTime{*micros, true}) : std::nullopt;
}

}  // namespace

std::optional<ForeignTime> TimeOfObject(std::string_view json) {
  const auto members = ReadJsonObject(json, kMaxJsonDepth);
  if (!members) return std::nullopt;
  if (const JsonMember* date = Find(*members, "$date")) return TimeOfDate(*date);
  if (const JsonMember* stamp = Find(*members, "$timestamp")) return TimeOfTimestamp(*stamp);
  return TimeOfPair(*members);
}

}  // namespace stagelog::cli
