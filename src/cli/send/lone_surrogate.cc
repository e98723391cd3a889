#include "cli/send/lone_surrogate.h"

#include <charconv>
#include <cstdint>

namespace stagelog::cli {
namespace {

constexpr size_t kUnitBytes = 6;  // of "\ud83d"

// The UTF-16 unit of the escape at the beginning of `text`; 0 where there is none.
uint32_t UnitOf(std::string_view text) {
  if (text.size() < kUnitBytes || !text.starts_with("\\u")) return 0;
  uint32_t unit = 0;
  const char* end = text.data() + kUnitBytes;
  const auto [stop, error] = std::from_chars(text.data() + 2, end, unit, 16);
  return error == std::errc() && stop == end ? unit : 0;
}

bool IsFirstHalf(uint32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool IsSecondHalf(uint32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

}  // namespace

std::optional<std::string> WithoutLoneSurrogates(std::string_view json) {
  std::string repaired;
  size_t taken = 0;
  for (size_t at = json.find('\\'); at < json.size(); at = json.find('\\', at)) {
    const uint32_t unit = UnitOf(json.substr(at));
    const bool is_pair = IsFirstHalf(unit) && json.size() > at + kUnitBytes &&
                         IsSecondHalf(UnitOf(json.substr(at + kUnitBytes)));
    if (!is_pair && (IsFirstHalf(unit) || IsSecondHalf(unit))) {
      repaired.append(json.substr(taken, at - taken)).append("\\ufffd");
      taken = at + kUnitBytes;
    }
    at += is_pair ? 2 * kUnitBytes : unit != 0 ? kUnitBytes : 2;
  }
  if (taken == 0) return std::nullopt;
  return repaired.append(json.substr(taken));
}

std::string LoneSurrogatesText(int64_t lines) {
  return std::to_string(lines) + (lines == 1 ? " line has" : " lines have") +
         " half of a character (an unpaired surrogate such as \\ud83d); U+FFFD replaced it";
}

}  // namespace stagelog::cli
