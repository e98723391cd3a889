// Upper and lower case of ASCII letters, whatever the locale.
#ifndef STAGELOG_BASE_ASCII_CASE_H_
#define STAGELOG_BASE_ASCII_CASE_H_

#include <algorithm>
#include <string>
#include <string_view>

namespace stagelog {

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

}  // namespace stagelog

#endif  // STAGELOG_BASE_ASCII_CASE_H_
