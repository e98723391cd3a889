#include "cli/watch/time_axis.h"

#include <algorithm>

#include "cli/time_text.h"

namespace stagelog::cli {
namespace {

std::string Repeated(const std::string& glyph, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += glyph;
  return text;
}

}  // namespace

TimeAxis::TimeAxis(int64_t from_micros, int64_t to_micros, size_t cells)
    : from_micros_(from_micros),
      to_micros_(std::max(to_micros, from_micros + 1)),
      cells_(std::max(cells, size_t{1})) {}

size_t TimeAxis::CellOf(int64_t micros) const {
  const double share =
      static_cast<double>(micros - from_micros_) / static_cast<double>(to_micros_ - from_micros_);
  const auto cells = static_cast<double>(cells_);
  return static_cast<size_t>(std::clamp(share * cells, 0.0, cells - 1));
}

std::string TimeAxis::Bar(int64_t from_micros, int64_t to_micros, const std::string& glyph) const {
  const size_t first = CellOf(from_micros);
  // A bar that ends exactly where a cell begins has no part in that cell.
  const size_t last = std::max(first, CellOf(std::max(from_micros, to_micros - 1)));
  return std::string(first, ' ') + Repeated(glyph, last - first + 1) +
         std::string(cells_ - last - 1, ' ');
}

std::string TimeAxis::Scale(const std::string& today) const {
  const std::string begin = MomentText(from_micros_, today);
  std::string end = MomentText(to_micros_, today);
  const auto fits = [&] { return cells_ >= begin.size() + end.size() + 3; };
  if (!fits() && DayText(from_micros_) == DayText(to_micros_)) end = ShortClockText(to_micros_);
  if (!fits()) return Repeated("\u2500", cells_);
  const size_t line = cells_ - begin.size() - end.size() - 2;
  return begin + " " + Repeated("\u2500", line) + " " + end;
}

}  // namespace stagelog::cli
