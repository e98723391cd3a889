// Small functions over text. Letters and digits are those of ASCII, whatever the locale.
#ifndef STAGELOG_BASE_TEXT_H_
#define STAGELOG_BASE_TEXT_H_

#include <algorithm>
#include <string>
#include <string_view>

namespace stagelog {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

constexpr bool IsAlphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || IsDigit(c);
}

constexpr char LowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

inline std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = LowerCase(c);
  return lower;
}

inline bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return LowerCase(x) == LowerCase(y); });
}

constexpr bool ContainsText(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Without the characters of `space` at either end. A part of `text`, or empty.
constexpr std::string_view Trimmed(std::string_view text, std::string_view space = " \t\r\n") {
  const size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

// The words, strings or views of them, with `separator` between each two.
template <typename Words>
std::string Joined(const Words& words, std::string_view separator = " ") {
  std::string text;
  for (const auto& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

}  // namespace stagelog

#endif  // STAGELOG_BASE_TEXT_H_
