// Untrusted text inside a line of output: it stays on one line and cannot control the terminal.
#ifndef STAGELOG_CLI_FOREIGN_TEXT_H_
#define STAGELOG_CLI_FOREIGN_TEXT_H_

#include <string>
#include <string_view>

#include "base/terminal_text.h"
#include "cli/styled_line.h"

namespace stagelog::cli {

// `text` as part of one line: line ends and tabs become marks and blanks, other control characters
// are escaped by EscapeControls(). A trailing line end is dropped.
std::string OneLine(std::string_view text);

// Adds a program's output, which may be coloured: escape sequences that set colours (ECMA-48 SGR,
// only digits, ';' and ':') are kept if the output has colours and dropped otherwise; all other
// sequences are escaped.
void AddColoredText(StyledLine& line, std::string_view text);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_FOREIGN_TEXT_H_
