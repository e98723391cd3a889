#include "cli/time_text.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace stagelog::cli {
namespace {

constexpr int64_t kSecondMicros = 1'000'000;

std::string LocalText(int64_t micros, const char* format) {
  const auto seconds = static_cast<time_t>(micros / kSecondMicros);
  tm local{};
  ::localtime_r(&seconds, &local);
  char text[32];
  return {text, std::strftime(text, sizeof(text), format, &local)};
}

std::string Parts(int64_t large, char large_unit, int64_t small, char small_unit) {
  char text[64];
  std::snprintf(text, sizeof(text), "%lld%c%02lld%c", static_cast<long long>(large), large_unit,
                static_cast<long long>(small), small_unit);
  return text;
}

}  // namespace

std::string ClockText(int64_t micros) {
  char fraction[32];
  std::snprintf(fraction, sizeof(fraction), ".%03d", static_cast<int>(micros / 1'000 % 1'000));
  return ShortClockText(micros) + fraction;
}

std::string ShortClockText(int64_t micros) { return LocalText(micros, "%H:%M:%S"); }

std::string DayText(int64_t micros) { return LocalText(micros, "%Y-%m-%d"); }

std::string DateTimeText(int64_t micros) { return LocalText(micros, "%Y-%m-%d %H:%M:%S"); }

std::string MomentText(int64_t micros, const std::string& today) {
  return DayText(micros) == today ? ShortClockText(micros) : DateTimeText(micros);
}

std::string ZoneText(int64_t micros) {
  if (LocalText(micros, "%Z") == "UTC") return "UTC";
  const std::string offset = LocalText(micros, "%z");  // +0100
  return offset.substr(0, 3) + ":" + offset.substr(3);
}

std::string BriefDuration(int64_t micros) {
  const int64_t seconds = std::max(int64_t{0}, micros) / kSecondMicros;
  if (seconds < 1) return std::to_string(std::max(int64_t{0}, micros) / 1'000) + "ms";
  if (seconds < 60) {
    return std::to_string(seconds) + "." + std::to_string(micros / 100'000 % 10) + "s";
  }
  if (seconds < 3'600) return Parts(seconds / 60, 'm', seconds % 60, 's');
  if (seconds < 86'400) return Parts(seconds / 3'600, 'h', seconds / 60 % 60, 'm');
  if (seconds < 100 * 86'400) return Parts(seconds / 86'400, 'd', seconds / 3'600 % 24, 'h');
  return std::to_string(seconds / 86'400) + "d";
}

}  // namespace stagelog::cli
