// Text as a terminal shows it: without what would control the terminal, and measured in columns.
#ifndef STAGELOG_BASE_TERMINAL_TEXT_H_
#define STAGELOG_BASE_TERMINAL_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace stagelog {

// `text` with control characters and marks that change the writing direction escaped as \u00xx:
// untrusted text must not control the terminal.
std::string EscapeControls(std::string_view text);

// How many columns `text` (UTF-8, without control characters) takes on a terminal.
size_t DisplayWidth(std::string_view text);

// At most `columns` wide, cut between characters, with an ellipsis where something was cut.
std::string Shorten(std::string_view text, size_t columns);

// Filled up with blanks to `columns`.
std::string PadRight(std::string_view text, size_t columns);
std::string PadLeft(std::string_view text, size_t columns);

// "12 B", "4.1 KiB", "5.0 GiB".
std::string BytesText(uint64_t bytes);

}  // namespace stagelog

#endif  // STAGELOG_BASE_TERMINAL_TEXT_H_
