#include "cli/send/local_zone.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/text.h"
#include "base/timestamp.h"
#include "core/json_text.h"

namespace stagelog::cli {
namespace {

constexpr int64_t kMicrosInSecond = 1'000'000;
constexpr int64_t kQuarterSeconds = 15 * 60;  // clocks change at no other moment

int64_t FloorDivided(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

// Sets TZ, and restores it.
class ZoneScope {
 public:
  explicit ZoneScope(const std::string& name) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    Set((":" + name).c_str());
  }
  ZoneScope(const ZoneScope&) = delete;
  ZoneScope& operator=(const ZoneScope&) = delete;
  ~ZoneScope() { Set(before_ ? before_->c_str() : nullptr); }

 private:
  static void Set(const char* value) {
    if (value == nullptr) {
      ::unsetenv("TZ");
    } else {
      ::setenv("TZ", value, 1);
    }
    ::tzset();
  }

  std::optional<std::string> before_;
};

bool IsZoneName(const std::string& name) {
  const bool is_sound = !name.empty() && name.front() != '/' && name.find("..") == name.npos &&
                        std::all_of(name.begin(), name.end(), [](char c) {
                          return IsAlphanumeric(c) || c == '/' || c == '_' || c == '+' || c == '-';
                        });
  if (!is_sound) return false;
  const char* folder = std::getenv("TZDIR");
  const std::string root = folder != nullptr && *folder != '\0' ? folder : "/usr/share/zoneinfo";
  std::error_code error;
  return std::filesystem::is_regular_file(root + "/" + name, error);
}

}  // namespace

CliResult<LocalZone> LocalZone::Make(const std::string& text) {
  LocalZone zone;
  const auto midnight = ParseForeignTime("1970-01-01T00:00:00" + text);
  const bool is_offset = midnight && midnight->has_zone && text.find('[') == text.npos;
  if (is_offset) {
    zone.offset_seconds_ = -midnight->micros / kMicrosInSecond;
    return zone;
  }
  if (!IsZoneName(text)) {
    return Fail(ExitCode::kUsage, "--time-zone: unknown zone '" + QuotableText(text, 80) +
                                      "'; give a name of the time zone database (Europe/Prague) "
                                      "or an offset (+02:00)");
  }
  zone.name_ = text;
  return zone;
}

int64_t LocalZone::ToUtc(int64_t local_micros) {
  if (!name_.empty()) {
    const int64_t seconds = FloorDivided(local_micros, kMicrosInSecond);
    const int64_t quarter = FloorDivided(seconds, kQuarterSeconds);
    if (quarter_ != quarter) offset_seconds_ = OffsetAt(quarter * kQuarterSeconds);
    quarter_ = quarter;
  }
  return local_micros - offset_seconds_ * kMicrosInSecond;
}

int64_t LocalZone::OffsetAt(int64_t local_seconds) const {
  const ZoneScope scope(name_);
  const time_t as_utc = local_seconds;
  tm wanted{};
  ::gmtime_r(&as_utc, &wanted);
  // With and without summer time; both are right in an hour that comes twice.
  std::optional<int64_t> first;
  int64_t guess = 0;
  for (const int is_summer : {1, 0}) {
    tm time = wanted;
    time.tm_isdst = is_summer;
    guess = ::mktime(&time);
    const bool is_it = time.tm_hour == wanted.tm_hour && time.tm_min == wanted.tm_min &&
                       time.tm_mday == wanted.tm_mday;
    if (is_it) first = std::min(first.value_or(guess), guess);
  }
  return local_seconds - first.value_or(guess);
}

}  // namespace stagelog::cli
