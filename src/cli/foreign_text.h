// Text of others inside a line of ours: it stays one line and never steers the terminal.
#ifndef STAGELOG_CLI_FOREIGN_TEXT_H_
#define STAGELOG_CLI_FOREIGN_TEXT_H_

#include <string>
#include <string_view>

#include "base/terminal_text.h"
#include "cli/styled_line.h"

namespace stagelog::cli {

// `text` as a part of one line: line ends and tabs become marks and blanks, other control
// characters are made Harmless(). The end of a text that ends its line is dropped.
std::string OneLine(std::string_view text);

// Adds a program's output, which may be coloured: sequences that set colours (ECMA-48 SGR, all
// digits, ';' and ':') are kept for where there are colours and dropped elsewhere; of all other
// sequences nothing remains but their spelling.
void AddColoredText(StyledLine& line, std::string_view text);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_FOREIGN_TEXT_H_
