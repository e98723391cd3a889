// UTF-8 (Unicode 15, table 3-7): checks, and text made of arbitrary bytes.
#ifndef STAGELOG_BASE_UTF8_H_
#define STAGELOG_BASE_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace stagelog {

// Bytes of the well-formed character that `text` begins with; 0 when it begins with none. `text` is
// not empty.
size_t CharacterLength(std::string_view text);

// True when all of it is well-formed.
bool IsUtf8(std::string_view bytes);

// `bytes` with U+FFFD for each byte that is part of no well-formed character.
std::string SanitizeUtf8(std::string_view bytes);

}  // namespace stagelog

#endif  // STAGELOG_BASE_UTF8_H_
