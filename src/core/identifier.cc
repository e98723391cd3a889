#include "core/identifier.h"

#include <algorithm>

#include "base/text.h"

namespace stagelog {
namespace {

bool IsNameCharacter(char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; }

}  // namespace

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 128 && IsAlphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(), IsNameCharacter);
}

bool IsJobId(std::string_view text) {
  return IsName(text) && !text.starts_with("stagelog.") && !text.starts_with("journal.json");
}

bool IsStagePath(std::string_view text) {
  if (text.size() > 512) return false;
  while (true) {
    const size_t slash = text.find('/');
    if (!IsName(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool IsEventId(std::string_view text) {
  return !text.empty() && text.size() <= 128 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

}  // namespace stagelog
