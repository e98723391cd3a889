#include "core/dialect/cloud_event_type.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "core/vocabulary.h"

namespace stagelog {
namespace {

constexpr std::string_view kCustomPrefix = "x-";
constexpr size_t kMaxCustomName = 63;  // behind the prefix
constexpr std::string_view kOwnVersion = ".v1";

// "v1", "1", "v1beta2".
bool IsVersion(std::string_view part) {
  if (!part.empty() && LowerCase(part.front()) == 'v') part.remove_prefix(1);
  return !part.empty() && IsDigit(part.front()) &&
         std::all_of(part.begin(), part.end(), IsAlphanumeric);
}

// The last `count` parts of a dotted name as a name of ours would be spelled.
std::string LastParts(const std::vector<std::string_view>& parts, size_t count) {
  std::string name;
  for (size_t i = parts.size() - count; i < parts.size(); ++i) {
    if (!name.empty()) name += '_';
    name += LowerCase(parts[i]);
  }
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

bool IsKnown(std::string_view name) {
  return !name.starts_with(kCustomPrefix) && FindType(name) != nullptr;
}

std::vector<std::string_view> Parts(std::string_view type) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t dot = type.find('.');
    parts.push_back(type.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    type.remove_prefix(dot + 1);
  }
}

}  // namespace

std::string CustomTypeOf(std::string_view type) {
  std::string name = LowerCase(type.substr(0, kMaxCustomName));
  const auto is_allowed = [](char c) {
    return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-';
  };
  for (char& c : name) {
    if (!is_allowed(c)) c = '-';
  }
  return std::string(kCustomPrefix) + name;
}

bool TypeHasForeignPrefix(std::string_view type) {
  return ContainsText(type, ".") && !type.starts_with(kOwnTypePrefix);
}

std::string TypeOfCloudEvent(std::string_view type) {
  const bool is_ours = type.starts_with(kOwnTypePrefix);
  std::string_view name = type;
  if (is_ours) {
    name.remove_prefix(kOwnTypePrefix.size());
    if (name.ends_with(kOwnVersion)) name.remove_suffix(kOwnVersion.size());
    if (name.starts_with(kCustomPrefix)) return std::string(name);
  }
  std::vector<std::string_view> parts = Parts(name);
  while (parts.size() > 1 && IsVersion(parts.back())) parts.pop_back();
  for (size_t count = std::min<size_t>(3, parts.size()); count > 0; --count) {
    std::string candidate = LastParts(parts, count);
    const bool is_foreign_beat = candidate == "heartbeat" && TypeHasForeignPrefix(type);
    if (IsKnown(candidate) && !is_foreign_beat) return candidate;
  }
  if (parts.back().starts_with(kCustomPrefix) && FindType(parts.back()) != nullptr) {
    return std::string(parts.back());
  }
  return TypeHasForeignPrefix(type) ? CustomTypeOf(type) : std::string(name);
}

std::string CloudEventTypeOf(std::string_view type) {
  std::string dotted(type);
  const size_t underscore = dotted.find('_');
  if (!type.starts_with(kCustomPrefix) && underscore != std::string::npos) {
    dotted[underscore] = '.';
  }
  return std::string(kOwnTypePrefix) + dotted + std::string(kOwnVersion);
}

}  // namespace stagelog
