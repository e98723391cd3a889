#include "base/duration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace stagelog {
namespace {

constexpr double kMaxMicros = 3.2e15;

struct Unit {
  std::string_view name;
  double micros;
};

// The larger ones first.
constexpr std::array<Unit, 6> kUnits = {
    {{"w", 604800e6}, {"d", 86400e6}, {"h", 3600e6}, {"m", 60e6}, {"s", 1e6}, {"ms", 1e3}}};

}  // namespace

std::optional<int64_t> ParseDuration(std::string_view text) {
  double total = 0;
  size_t next_unit = 0;  // in kUnits: those before it were used, or are larger
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    if (!IsDigit(text.front()) && text.front() != '.') return std::nullopt;
    double amount = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), amount, std::chars_format::fixed);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const auto name_end = std::find_if(text.begin(), text.end(), IsDigit);
    const auto name = text.substr(0, static_cast<size_t>(name_end - text.begin()));
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kUnits.size()) return std::nullopt;
    total += amount * kUnits[next_unit++].micros;
    text.remove_prefix(name.size());
    if (!(total < kMaxMicros)) return std::nullopt;
  }
  return std::llround(total);
}

}  // namespace stagelog
