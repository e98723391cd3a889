#include "cli/styled_line.h"

#include "base/terminal_text.h"

namespace stagelog::cli {
namespace {

constexpr const char* kEllipsis = "\u2026";
constexpr const char* kReset = "\033[0m";

// What of `text` goes into `columns`.
std::string Beginning(const std::string& text, size_t columns) {
  if (DisplayWidth(text) <= columns) return text;
  // Two blanks more, and Shorten() has to cut: what stands before its ellipsis is what fits.
  std::string cut = Shorten(text + "  ", columns + 1);
  cut.resize(cut.size() - std::string_view(kEllipsis).size());
  return cut;
}

}  // namespace

StyledLine& StyledLine::Add(Style style, std::string_view text) {
  if (text.empty()) return *this;
  spans_.push_back({style, "", std::string(text)});
  width_ += DisplayWidth(text);
  return *this;
}

StyledLine& StyledLine::AddWithCodes(std::string_view codes, std::string_view text) {
  Add(text);
  if (!text.empty()) spans_.back().codes = codes;
  return *this;
}

StyledLine& StyledLine::PadTo(size_t column) {
  return width_ < column ? Add(std::string(column - width_, ' ')) : *this;
}

std::string StyledLine::Text(const Screen& screen, size_t columns) const {
  const bool is_cut = columns > 0 && columns < width_;
  size_t left = is_cut ? columns - 1 : WidthWithoutBlanks();
  std::string out;
  for (const Span& span : spans_) {
    const std::string text = Beginning(span.text, left);
    left -= DisplayWidth(text);
    if (!text.empty()) out += Painted(span, text, screen);
    if (text.size() < span.text.size()) break;
  }
  return is_cut ? out + kEllipsis : out;
}

std::string StyledLine::Painted(const Span& span, const std::string& text, const Screen& screen) {
  if (span.codes.empty() || !screen.has_colors()) return screen.Paint(span.style, text);
  return span.codes + text + kReset;
}

size_t StyledLine::WidthWithoutBlanks() const {
  size_t width = width_;
  for (auto span = spans_.rbegin(); span != spans_.rend(); ++span) {
    const size_t end = span->text.find_last_not_of(' ') + 1;  // 0 where there are only blanks
    width -= span->text.size() - end;
    if (end > 0) break;
  }
  return width;
}

}  // namespace stagelog::cli
