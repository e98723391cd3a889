// Converts arbitrary bytes to text that is valid in JSON.
#ifndef STAGELOG_CLI_RUN_UTF8_TEXT_H_
#define STAGELOG_CLI_RUN_UTF8_TEXT_H_

#include <string>
#include <string_view>

namespace stagelog::cli {

// True when all of it is well-formed UTF-8 (Unicode 15, table 3-7).
bool IsUtf8(std::string_view bytes);

// `bytes` with U+FFFD for each byte that is part of no well-formed character.
std::string SanitizeUtf8(std::string_view bytes);

// RFC 4648 section 4, with padding. At most 1 GiB.
std::string Base64(std::string_view bytes);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_UTF8_TEXT_H_
