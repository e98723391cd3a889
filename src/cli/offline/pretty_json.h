// Formats JSON for people.
#ifndef STAGELOG_CLI_OFFLINE_PRETTY_JSON_H_
#define STAGELOG_CLI_OFFLINE_PRETTY_JSON_H_

#include <string>
#include <string_view>

namespace stagelog::cli {

// `compact` (valid, without white space between its tokens) with line breaks and an indent of two.
// Only white space is added: key order and the spelling of numbers stay. No newline at the end.
std::string PrettyJson(std::string_view compact);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_PRETTY_JSON_H_
