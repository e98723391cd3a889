#include "tests/fuzz/fuzz_target.h"

#include <cstdio>
#include <cstdlib>

#include "core/json_text.h"

namespace stagelog {
namespace {

void Show(const char* name, std::string_view text) {
  std::string shown;
  AppendJsonString(shown, text);
  std::fprintf(stderr, "  %s (%zu bytes): %s\n", name, text.size(), shown.c_str());
}

}  // namespace

std::vector<FuzzTarget>& FuzzTargets() {
  static std::vector<FuzzTarget> targets;
  return targets;
}

uint8_t FuzzInput::TakeByte() {
  if (bytes_.empty()) return 0;
  const char byte = bytes_.front();
  bytes_.remove_prefix(1);
  return static_cast<uint8_t>(byte);
}

std::string_view FuzzInput::TakeLine() {
  const size_t newline = bytes_.find('\n');
  const std::string_view line = bytes_.substr(0, newline);
  bytes_.remove_prefix(newline == std::string_view::npos ? bytes_.size() : newline + 1);
  return line;
}

void CheckSameText(const char* what, std::string_view a, std::string_view b) {
  if (a == b) return;
  std::fprintf(stderr, "%s: two texts differ\n", what);
  Show("one", a);
  Show("the other", b);
  std::abort();
}

void CheckIsUtf8(const char* what, std::string_view text) {
  if (QuotableText(text, text.size()) == text) return;
  std::fprintf(stderr, "%s: not UTF-8\n", what);
  Show("text", text);
  std::abort();
}

}  // namespace stagelog
