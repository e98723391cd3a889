// Looking at coloured output: without its colours, and for what it must not have.
#ifndef STAGELOG_TESTS_CLI_PLAIN_TEXT_H_
#define STAGELOG_TESTS_CLI_PLAIN_TEXT_H_

#include <gmock/gmock.h>

#include <algorithm>
#include <regex>
#include <string>

namespace stagelog {

// `text` without the sequences that set colours.
inline std::string WithoutColors(const std::string& text) {
  return std::regex_replace(text, std::regex("\033\\[[0-9;:]*m"), "");
}

// No control character, in whatever spelling a terminal obeys, and nothing that turns the direction
// of writing.
MATCHER(IsHarmlessLine, "") {
  const bool has_control =
      std::any_of(arg.begin(), arg.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
  const bool has_c1 = std::regex_search(arg, std::regex("\xc2[\x80-\x9f]"));
  return !has_control && !has_c1 && arg.find("\xe2\x80\xae") == std::string::npos;
}

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_PLAIN_TEXT_H_
