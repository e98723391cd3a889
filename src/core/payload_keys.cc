#include "core/payload_keys.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/nearest.h"
#include "base/text.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 4> kJobKeys = {"pipeline", "stages", "strict", "labels"};
constexpr std::array<std::string_view, 1> kResumeKeys = {"new_epoch"};
constexpr std::array<std::string_view, 4> kProgressKeys = {"current", "total", "percent", "unit"};
constexpr std::array<std::string_view, 8> kGateKeys = {"prompt",     "options",   "timeout_seconds",
                                                       "on_timeout", "approvers", "required",
                                                       "allow_self", "fields"};
constexpr std::array<std::string_view, 4> kDecisionKeys = {"comment", "choice", "via", "answers"};

// Words of other programs for what is read here.
struct Synonym {
  std::string_view word;
  std::string_view meant;
};
constexpr std::array<Synonym, 3> kProgressSynonyms = {
    {{"percentage", "percent"}, {"pct", "percent"}, {"progress", "percent"}}};

constexpr size_t kShortestCompared = 4;  // shorter words are near too many others

// In lower case and without what joins words.
std::string Plain(std::string_view word) {
  std::string plain;
  for (const char c : word) {
    if (c != '_' && c != '-' && c != ' ' && c != '.') plain += LowerCase(c);
  }
  return plain;
}

// One letter left out, added, replaced, or changed with its neighbour.
bool IsOneSlip(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  if (a.size() - b.size() > 1) return false;
  const auto differ = std::mismatch(b.begin(), b.end(), a.begin());
  const auto at = static_cast<size_t>(differ.first - b.begin());
  if (a.size() > b.size()) return a.substr(at + 1) == b.substr(at);
  if (at == a.size()) return true;
  if (a.substr(at + 1) == b.substr(at + 1)) return true;
  return at + 1 < a.size() && a[at] == b[at + 1] && a[at + 1] == b[at] &&
         a.substr(at + 2) == b.substr(at + 2);
}

bool Contains(std::span<const std::string_view> words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string_view NearKey(EventType type, std::string_view key) {
  if (type == EventType::kStageProgress) {
    for (const Synonym& synonym : kProgressSynonyms) {
      if (key == synonym.word) return synonym.meant;
    }
  }
  const std::string plain = Plain(key);
  for (const std::string_view known : PayloadKeys(type)) {
    if (known.size() >= kShortestCompared && IsOneSlip(plain, Plain(known))) return known;
  }
  return "";
}

// For a gate every other key is refused, so the hint may guess more boldly.
std::string_view NearestGateKey(std::string_view key) {
  const std::string plain = Plain(key);
  if (plain.starts_with("ontime") || plain.starts_with("timeoutact")) return "on_timeout";
  for (const std::string_view begin : {"timeout", "deadline", "expire", "ttl"}) {
    if (plain.starts_with(begin)) return "timeout_seconds";
  }
  if (plain.find("self") != std::string::npos) return "allow_self";
  for (const std::string_view begin : {"require", "needed", "quorum", "approvals", "minappr"}) {
    if (plain.starts_with(begin)) return "required";
  }
  for (const std::string_view begin : {"approve", "reviewer", "allowed"}) {
    if (plain.starts_with(begin)) return "approvers";
  }
  for (const std::string_view begin : {"input", "form", "schema", "field", "question"}) {
    if (plain.starts_with(begin) && plain != "question") return "fields";
  }
  for (const std::string_view begin : {"choice", "answer"}) {
    if (plain.starts_with(begin)) return "options";
  }
  for (const std::string_view begin : {"message", "question", "text", "title", "description"}) {
    if (plain.starts_with(begin)) return "prompt";
  }
  return NearestWord(key, kGateKeys);
}

std::string Listed(std::span<const std::string_view> words) {
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  return list;
}

std::string_view NearestDecisionKey(std::string_view key) {
  const std::string plain = Plain(key);
  for (const std::string_view begin : {"answer", "field", "form", "input", "value"}) {
    if (plain.starts_with(begin)) return "answers";
  }
  for (const std::string_view begin : {"option", "select"}) {
    if (plain.starts_with(begin)) return "choice";
  }
  for (const std::string_view begin : {"reason", "message", "note", "text", "why"}) {
    if (plain.starts_with(begin)) return "comment";
  }
  return NearestWord(key, kDecisionKeys);
}

// Whether the payload of the type is the journal's alone: a key that is not read would change
// nothing, though whoever sent it relies on it.
bool TakesKnownKeysOnly(EventType type) {
  return PayloadKeys(type).data() == kGateKeys.data() ||
         PayloadKeys(type).data() == kDecisionKeys.data();
}

std::string_view NameOf(EventType type) {
  for (const TypeTraits& traits : AllTypes()) {
    if (traits.type == type) return traits.name;
  }
  return "";
}

Refusal UnknownGateKey(EventType type, std::string_view key) {
  const bool opens = type == EventType::kGatePause;
  const std::string shown = QuotableText(key, 128);
  const std::string_view nearest = opens ? NearestGateKey(key) : NearestDecisionKey(key);
  std::string detail = "unknown key '" + shown + "' in the payload of a " +
                       std::string(NameOf(type)) + " (valid keys: " + Listed(PayloadKeys(type)) +
                       ", and custom keys starting with 'x-')";
  if (!nearest.empty()) detail += "; did you mean '" + std::string(nearest) + "'?";
  return {.code = "unknown_key", .detail = std::move(detail), .field = "payload." + shown};
}

}  // namespace

std::span<const std::string_view> PayloadKeys(EventType type) {
  switch (type) {
    case EventType::kJobCreated:
      return kJobKeys;
    case EventType::kJobResumed:
      return kResumeKeys;
    case EventType::kStageProgress:
      return kProgressKeys;
    case EventType::kGatePause:
      return kGateKeys;
    case EventType::kGateApproved:
    case EventType::kGateRejected:
    case EventType::kGateAutoApproved:
    case EventType::kGateExpired:
      return kDecisionKeys;
    default:
      return {};
  }
}

bool BelongsInPayload(std::string_view key) {
  return Contains(kJobKeys, key) || Contains(kResumeKeys, key) || Contains(kProgressKeys, key) ||
         Contains(kGateKeys, key) || Contains(kDecisionKeys, key);
}

std::string PayloadKey(std::string_view key) {
  if (key.find('\\') == std::string_view::npos) return std::string(key);
  const auto value = ParseJson('"' + std::string(key) + '"');
  return value.is_string() ? value.get<std::string>() : "";
}

std::optional<Refusal> CheckPayloadKeys(EventType type, std::string_view payload) {
  const std::span<const std::string_view> known = PayloadKeys(type);
  // Progress is never refused: the state machine flags it.
  if (known.empty() || type == EventType::kStageProgress) return std::nullopt;
  std::vector<std::string> seen;  // of those that are known
  for (JsonMembers members(payload); members.Next();) {
    std::string key = PayloadKey(members.key());
    if (!Contains(known, key)) {
      if (!TakesKnownKeysOnly(type) || key.starts_with("x-")) continue;
      return UnknownGateKey(type, key);
    }
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
      return Refusal{.code = "duplicate_key",
                     .detail = "duplicate key 'payload." + key + "'",
                     .field = "payload." + key};
    }
    seen.push_back(std::move(key));
  }
  return std::nullopt;
}

std::optional<SuspectKey> FindSuspectKey(EventType type, std::string_view payload) {
  const std::span<const std::string_view> known = PayloadKeys(type);
  if (known.empty()) return std::nullopt;
  std::vector<std::string_view> given;
  std::vector<SuspectKey> suspects;
  for (JsonMembers members(payload); members.Next();) {
    std::string key = PayloadKey(members.key());
    const auto found = std::find(known.begin(), known.end(), key);
    if (found != known.end()) {
      given.push_back(*found);
    } else if (!key.starts_with("x-")) {
      const std::string_view meant = NearKey(type, key);
      if (!meant.empty()) suspects.push_back(SuspectKey{std::move(key), meant});
    }
  }
  for (SuspectKey& suspect : suspects) {
    // With figures of its own a report may have a `progress` beside them that means something else.
    const bool is_synonym = std::any_of(kProgressSynonyms.begin(), kProgressSynonyms.end(),
                                        [&](const Synonym& s) { return s.word == suspect.key; });
    const bool is_given = Contains(given, suspect.meant);
    if (!is_given && !(is_synonym && Contains(given, "current"))) return std::move(suspect);
  }
  return std::nullopt;
}

}  // namespace stagelog
