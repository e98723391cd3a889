// Repairs JSON in which a character was cut in half.
#ifndef STAGELOG_CLI_SEND_LONE_SURROGATE_H_
#define STAGELOG_CLI_SEND_LONE_SURROGATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog::cli {

// `json` with \ufffd for each escape that is one half of a surrogate pair without the other, as
// programs write it that cut a text by UTF-16 units ("\ud83d"). No value where there is none. Looks
// at escapes only, and says nothing of the rest.
std::optional<std::string> WithoutLoneSurrogates(std::string_view json);

// What is said of `lines` that were repaired.
std::string LoneSurrogatesText(int64_t lines);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LONE_SURROGATE_H_
