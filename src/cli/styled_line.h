// One line in several styles that is cut to a width as a whole.
#ifndef STAGELOG_CLI_STYLED_LINE_H_
#define STAGELOG_CLI_STYLED_LINE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/terminal_text.h"
#include "cli/screen.h"

namespace stagelog::cli {

class StyledLine {
 public:
  // Our own text, or untrusted text after EscapeControls(): it must not control the terminal.
  StyledLine& Add(Style style, std::string_view text);
  StyledLine& Add(std::string_view text) { return Add(Style::kPlain, text); }
  // Text with colours of its own: `codes` are SGR sequences that are written before it.
  StyledLine& AddWithCodes(std::string_view codes, std::string_view text);
  // Blanks up to that column; none when the line is there already.
  StyledLine& PadTo(size_t column);

  // Columns that it takes.
  size_t Width() const { return width_; }

  // At most `columns` wide (0: however wide) in the colours of `screen`, without a newline and
  // without blanks at its end.
  std::string Text(const Screen& screen, size_t columns = 0) const;

 private:
  struct Span {
    Style style = Style::kPlain;
    std::string codes;
    std::string text;
  };

  static std::string Painted(const Span& span, const std::string& text, const Screen& screen);
  size_t WidthWithoutBlanks() const;  // at its end

  std::vector<Span> spans_;
  size_t width_ = 0;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_STYLED_LINE_H_
