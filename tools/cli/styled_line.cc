#include "tools/cli/styled_line.h"

#include <utility>

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

bool IsBlank(const std::string& text) { return text.find_first_not_of(' ') == std::string::npos; }

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
  size_t left = is_cut ? columns - 1 : width_;
  std::string out;
  std::string blanks;  // held back: they may be the end
  for (const Span& span : spans_) {
    const std::string text = Beginning(span.text, left);
    left -= DisplayWidth(text);
    if (span.style == Style::kPlain && span.codes.empty() && IsBlank(text)) {
      blanks += text;
    } else {
      out += std::exchange(blanks, {});
      out += span.codes.empty() || !screen.has_colors() ? screen.Paint(span.style, text)
                                                        : span.codes + text + kReset;
    }
    if (text.size() < span.text.size()) break;
  }
  return is_cut ? out + blanks + kEllipsis : out;
}

}  // namespace stagelog::cli
