// Lines as programs write them on any system: what every reader of lines passes over.
#ifndef STAGELOG_CORE_TEXT_LINE_H_
#define STAGELOG_CORE_TEXT_LINE_H_

#include <string_view>

namespace stagelog {

// `text` without the UTF-8 byte order mark that some editors and shells put before it (RFC 8259
// section 8.1 lets a reader pass over it).
std::string_view WithoutByteOrderMark(std::string_view text);

// What a line says: without a byte order mark before it (files that were joined have one in the
// middle) and without the carriage returns and newlines at its end.
std::string_view LineContent(std::string_view line);

// True where there is nothing but blanks, tabs and line ends.
bool IsBlankLine(std::string_view line);

}  // namespace stagelog

#endif  // STAGELOG_CORE_TEXT_LINE_H_
