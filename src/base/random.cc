#include "base/random.h"

#include <sys/random.h>

#include <array>

#include "base/check.h"

namespace stagelog {

uint64_t RandomBits() {
  // One system call serves many identifiers.
  thread_local std::array<uint64_t, 32> pool;
  thread_local size_t left = 0;
  if (left == 0) {
    STAGELOG_CHECK(::getrandom(pool.data(), sizeof(pool), 0) == sizeof(pool));
    left = pool.size();
  }
  return pool[--left];
}

namespace {

// `low` without its last 16 bits.
uint64_t SumOf(uint64_t high, uint64_t low) {
  return ((high ^ (low >> 16 << 16)) * 0x9e37'79b9'7f4a'7c15) >> 48;
}

constexpr uint64_t kVariant = uint64_t{2} << 62;

uint64_t HighOf(int64_t unix_micros) {
  const uint64_t millis = static_cast<uint64_t>(unix_micros / 1000) & 0xffff'ffff'ffff;
  const uint64_t fraction = static_cast<uint64_t>(unix_micros % 1000) * 4096 / 1000;
  return millis << 16 | 0x7000 | fraction;
}

std::string FormatUuid(uint64_t high, uint64_t low) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text += '-';
    const uint64_t word = digit < 16 ? high : low;
    text += kHex[word >> (60 - 4 * (digit % 16)) & 15];
  }
  return text;
}

int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool IsDashPlace(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

}  // namespace

std::string MakeUuidV7(int64_t unix_micros) {
  const uint64_t high = HighOf(unix_micros);
  const uint64_t low = (RandomBits() >> 18 << 16) | kVariant;
  return FormatUuid(high, low | SumOf(high, low));
}

std::string MakeForeignUuidV7(int64_t unix_micros) {
  const uint64_t high = HighOf(unix_micros);
  const uint64_t low = RandomBits() >> 2 | kVariant;
  return FormatUuid(high, (low & 0xffff) == SumOf(high, low) ? low ^ 1 : low);
}

std::optional<int64_t> MicrosOfUuidV7(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  uint64_t words[2] = {0, 0};
  size_t digits = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if (IsDashPlace(at) != (text[at] == '-')) return std::nullopt;
    if (text[at] == '-') continue;
    const int value = DigitValue(text[at]);
    if (value < 0) return std::nullopt;
    uint64_t& word = words[digits++ / 16];
    word = word << 4 | static_cast<uint64_t>(value);
  }
  const auto [high, low] = words;
  const bool is_ours =
      (high >> 12 & 15) == 7 && low >> 62 == 2 && (low & 0xffff) == SumOf(high, low);
  if (!is_ours) return std::nullopt;
  return static_cast<int64_t>(high >> 16) * 1000 +
         static_cast<int64_t>(((high & 0xfff) * 1000 + 4095) / 4096);
}

bool IsUuidV7(std::string_view text) {
  if (text.size() != 36 || text[14] != '7') return false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (IsDashPlace(at) ? text[at] != '-' : DigitValue(text[at]) < 0) return false;
  }
  return true;
}

std::string UuidV7Bound(int64_t unix_micros) {
  return FormatUuid(HighOf(unix_micros), ~uint64_t{0});
}

}  // namespace stagelog
