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

std::string MakeUuidV7(int64_t unix_micros) {
  const uint64_t millis = static_cast<uint64_t>(unix_micros / 1000) & 0xffff'ffff'ffff;
  const uint64_t high = millis << 16 | 0x7000 | (RandomBits() & 0x0fff);
  const uint64_t low = (RandomBits() >> 2) | (uint64_t{2} << 62);
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

}  // namespace stagelog
