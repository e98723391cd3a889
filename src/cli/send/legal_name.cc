#include "cli/send/legal_name.h"

#include <algorithm>

#include "base/sha256.h"
#include "base/text.h"
#include "core/identifier.h"

namespace stagelog::cli {
namespace {

constexpr size_t kMaxNameBytes = 128;
constexpr size_t kMaxTypeBytes = 63;  // behind the x-
constexpr size_t kNameDigits = 20;
constexpr size_t kIdDigits = 32;
constexpr std::string_view kMark = "--";

bool MayStandInName(char c) { return IsAlphanumeric(c) || c == '.' || c == '_' || c == '-'; }

bool MayStandInId(char c) { return c > ' ' && c < 127; }

bool IsLowerHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

// Ends as the names end that are made here.
bool LooksMade(std::string_view name, size_t digits) {
  if (name.size() < digits + kMark.size()) return false;
  const std::string_view tail = name.substr(name.size() - digits - kMark.size());
  return tail.starts_with(kMark) &&
         std::all_of(tail.begin() + kMark.size(), tail.end(), IsLowerHex);
}

// The readable part of `original`, at most `max_bytes`.
std::string Readable(std::string_view original, bool (*may_stand)(char), size_t max_bytes) {
  std::string out;
  for (const char c : original) {
    if (out.size() == max_bytes) break;
    const bool is_gap = !may_stand(c);
    if (is_gap && (out.empty() || out.back() == '-')) continue;
    out += is_gap ? '-' : c;
  }
  while (out.ends_with('-')) out.pop_back();
  return out;
}

std::string Made(const std::string& readable, std::string_view original, size_t digits) {
  return readable + std::string(kMark) + Sha256Hex(original).substr(0, digits);
}

std::string MadeName(std::string_view original, std::string_view prefix = "") {
  const size_t room = kMaxNameBytes - kMark.size() - kNameDigits - prefix.size();
  std::string readable = Readable(original, &MayStandInName, room);
  readable.erase(
      0, static_cast<size_t>(std::find_if(readable.begin(), readable.end(), &IsAlphanumeric) -
                             readable.begin()));
  readable.insert(0, prefix);
  return Made(readable.empty() ? "x" : readable, original, kNameDigits);
}

}  // namespace

std::string LegalName(std::string_view original) {
  const bool stays = IsName(original) && !LooksMade(original, kNameDigits);
  return stays ? std::string(original) : MadeName(original);
}

std::string LegalJobId(std::string_view original) {
  if (IsJobId(original) && !LooksMade(original, kNameDigits)) return std::string(original);
  std::string name = MadeName(original);
  return IsJobId(name) ? name : MadeName(original, "x-");
}

std::string LegalStagePath(std::string_view original) {
  std::string path;
  for (std::string_view rest = original;;) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty()) return MadeName(original);
    path += LegalName(part);
    if (slash == std::string_view::npos) break;
    path += '/';
    rest.remove_prefix(slash + 1);
  }
  return IsStagePath(path) ? path : MadeName(original);
}

std::string LegalEventId(std::string_view original) {
  if (IsEventId(original) && !LooksMade(original, kIdDigits)) return std::string(original);
  const size_t room = kMaxNameBytes - kMark.size() - kIdDigits;
  const std::string readable = Readable(original, &MayStandInId, room);
  return Made(readable.empty() ? "x" : readable, original, kIdDigits);
}

std::string LegalTypeName(std::string_view original) {
  if (original.empty()) return "";
  std::string name;
  for (const char c : original) {
    const char lower = LowerCase(c);
    name += MayStandInName(lower) ? lower : '-';
  }
  if (name.size() > kMaxTypeBytes) {
    name.resize(kMaxTypeBytes - kMark.size() - kNameDigits);
    name = Made(name, original, kNameDigits);
  }
  return "x-" + name;
}

}  // namespace stagelog::cli
