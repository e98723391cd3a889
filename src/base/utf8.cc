#include "base/utf8.h"

namespace stagelog {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

bool IsBetween(unsigned char byte, unsigned low, unsigned high) {
  return byte >= low && byte <= high;
}

// What the second byte of a character may be, by the first one.
bool IsSecondByte(unsigned char first, unsigned char second) {
  switch (first) {
    case 0xe0:
      return IsBetween(second, 0xa0, 0xbf);
    case 0xed:
      return IsBetween(second, 0x80, 0x9f);
    case 0xf0:
      return IsBetween(second, 0x90, 0xbf);
    case 0xf4:
      return IsBetween(second, 0x80, 0x8f);
    default:
      return IsBetween(second, 0x80, 0xbf);
  }
}

size_t LengthByFirstByte(unsigned char first) {
  if (first < 0x80) return 1;
  if (IsBetween(first, 0xc2, 0xdf)) return 2;
  if (IsBetween(first, 0xe0, 0xef)) return 3;
  if (IsBetween(first, 0xf0, 0xf4)) return 4;
  return 0;
}

}  // namespace

size_t CharacterLength(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = LengthByFirstByte(byte(0));
  if (length < 2) return length;
  if (text.size() < length || !IsSecondByte(byte(0), byte(1))) return 0;
  for (size_t i = 2; i < length; ++i) {
    if (!IsBetween(byte(i), 0x80, 0xbf)) return 0;
  }
  return length;
}

bool IsUtf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t length = CharacterLength(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string SanitizeUtf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const size_t length = CharacterLength(bytes);
    text += length == 0 ? kReplacement : bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace stagelog
