// Looking at coloured output: without its colours, and for what it must not have.
#ifndef STAGELOG_TESTS_CLI_PLAIN_TEXT_H_
#define STAGELOG_TESTS_CLI_PLAIN_TEXT_H_

#include <gmock/gmock.h>

#include <algorithm>
#include <string>

namespace stagelog {

// `text` without the sequences that set colours.
inline std::string WithoutColors(const std::string& text) {
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool is_color = text.compare(at, 2, "\033[") == 0;
    const size_t end =
        is_color ? text.find_first_not_of("0123456789;:", at + 2) : std::string::npos;
    if (end != std::string::npos && text[end] == 'm') {
      at = end;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

// No control character, in whatever spelling a terminal obeys, and nothing that turns the direction
// of writing.
MATCHER(IsHarmlessLine, "") {
  const bool has_control =
      std::any_of(arg.begin(), arg.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
  bool has_c1 = false;
  for (size_t at = arg.find('\xc2'); at != std::string::npos; at = arg.find('\xc2', at + 1)) {
    has_c1 = has_c1 || (at + 1 < arg.size() && static_cast<unsigned char>(arg[at + 1]) < 0xa0);
  }
  return !has_control && !has_c1 && arg.find("\xe2\x80\xae") == std::string::npos;
}

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_PLAIN_TEXT_H_
