#include "base/terminal_text.h"

#include <clocale>
#include <cstdio>
#include <cwchar>

namespace stagelog {
namespace {

// One character of UTF-8 at `at`, which moves behind it. A byte that begins none stands for itself.
char32_t NextCharacter(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at);
  const size_t length = first < 0xc2   ? 1
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 1;
  char32_t code = length == 1 ? first : first & (0x7fU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0U) != 0x80) {
      ++at;
      return 0xfffd;
    }
    code = (code << 6) | (byte(at + i) & 0x3fU);
  }
  at += length;
  return length == 1 && first >= 0x80 ? U'\ufffd' : code;
}

size_t ColumnsOf(char32_t code) {
  static const bool has_locale = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
  const int width = has_locale ? ::wcwidth(static_cast<wchar_t>(code)) : 1;
  return width < 0 ? 1 : static_cast<size_t>(width);
}

bool SteersTerminal(char32_t code) {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f;
}

std::string WithUnit(double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.1f %s", value, unit);
  return text;
}

}  // namespace

std::string EscapeControls(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t code = NextCharacter(text, at);
    if (code == 0xfffd) {
      out += "\xef\xbf\xbd";
    } else if (SteersTerminal(code)) {
      char escaped[16];
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(code));
      out += escaped;
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out;
}

size_t DisplayWidth(std::string_view text) {
  size_t columns = 0;
  for (size_t at = 0; at < text.size();) columns += ColumnsOf(NextCharacter(text, at));
  return columns;
}

std::string Shorten(std::string_view text, size_t columns) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  size_t used = 0;
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    used += ColumnsOf(NextCharacter(text, at));
    if (used > columns - 1) break;
    end = at;
  }
  return std::string(text.substr(0, end)) + "\u2026";
}

std::string PadRight(std::string_view text, size_t columns) {
  const size_t width = DisplayWidth(text);
  return std::string(text) + std::string(columns > width ? columns - width : 0, ' ');
}

std::string PadLeft(std::string_view text, size_t columns) {
  const size_t width = DisplayWidth(text);
  return std::string(columns > width ? columns - width : 0, ' ') + std::string(text);
}

std::string BytesText(uint64_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
  return WithUnit(value, units[unit]);
}

}  // namespace stagelog
