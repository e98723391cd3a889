#include "client/run_id.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "base/random.h"

namespace stagelog::cli {
namespace {

constexpr std::string_view kPrefix = "run-";
constexpr size_t kSize = 20;  // of an id

}  // namespace

std::string MakeRunId() {
  std::array<char, kSize + 1> text{};
  std::snprintf(text.data(), text.size(), "run-%016" PRIx64, RandomBits());
  return text.data();
}

bool IsRunId(std::string_view text) {
  return text.size() == kSize && text.starts_with(kPrefix) &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == std::string_view::npos;
}

std::string RunIdOf(std::string_view event_id) {
  const std::string_view id = event_id.substr(0, kSize);
  const bool is_of_run = event_id.size() > kSize && event_id[kSize] == '-' && IsRunId(id);
  return is_of_run ? std::string(id) : "";
}

}  // namespace stagelog::cli
