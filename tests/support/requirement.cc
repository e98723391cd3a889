#include "tests/support/requirement.h"

#include <pty.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <random>

#include "base/check.h"

namespace stagelog {

bool HasPseudoTerminals() {
  int ours = -1;
  int its = -1;
  if (::openpty(&ours, &its, nullptr, nullptr, nullptr) != 0) return false;
  ::close(ours);
  ::close(its);
  return true;
}

uint64_t TestSeed() {
  const char* text = std::getenv("STAGELOG_SEED");
  if (text == nullptr) return std::random_device()();
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text, text + std::strlen(text), seed);
  STAGELOG_CHECK(error == std::errc() && *end == '\0');  // STAGELOG_SEED is a number
  return seed;
}

}  // namespace stagelog
