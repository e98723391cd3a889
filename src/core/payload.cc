#include "core/payload.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "core/identifier.h"
#include "core/json_text.h"
#include "core/json_value.h"
#include "core/payload_keys.h"

namespace stagelog {
namespace {

using Json = nlohmann::json;

constexpr double kGreatestFigure = 1e18;
constexpr size_t kMaxPromptBytes = 16 * 1024;
constexpr size_t kMaxWordBytes = 256;
constexpr std::array<std::string_view, 3> kTimeoutActions = {"approve", "reject", "expire"};

// A number too large for a double (1e400) is valid JSON that the library refuses whole: then each
// member is read by itself, and one that holds such a number is out of every bound.
Json Parsed(std::string_view payload) {
  Json object = payload.empty() ? Json::object() : ParseJson(payload);
  if (object.is_object()) return object;
  object = Json::object();
  if (!payload.starts_with('{') || !payload.ends_with('}')) return object;
  const std::string compact = CompactJson(payload);
  for (JsonMembers members(compact); members.Next();) {
    Json value = ParseJson(members.value());
    object[PayloadKey(members.key())] =
        value.is_discarded() ? Json(std::numeric_limits<double>::infinity()) : std::move(value);
  }
  return object;
}

// The member, or null where it is not there. A JSON null stands for "left out".
const Json* Find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string TextOf(const Json& object, const char* key) {
  const Json* member = Find(object, key);
  return member != nullptr && member->is_string() ? member->get<std::string>() : "";
}

std::vector<std::string> TextsOf(const Json& object, const char* key) {
  std::vector<std::string> texts;
  const Json* member = Find(object, key);
  if (member == nullptr || !member->is_array()) return texts;
  for (const Json& item : *member) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

// A figure from its own bytes. JSON null stands for "left out".
std::optional<double> FigureOf(std::string_view text, double greatest, bool& is_valid) {
  if (text == "null") return std::nullopt;
  double value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (is_number && value >= 0 && value <= greatest) return value;
  is_valid = false;
  return std::nullopt;
}

bool IsTextUpTo(const Json& value, size_t max_bytes) {
  return value.is_string() && value.get_ref<const std::string&>().size() <= max_bytes;
}

bool IsListOf(const Json& value, size_t max_items, bool (*is_item)(const Json&)) {
  return value.is_array() && value.size() <= max_items &&
         std::all_of(value.begin(), value.end(), is_item);
}

bool IsWord(const Json& value) {
  return IsTextUpTo(value, kMaxWordBytes) && !value.get_ref<const std::string&>().empty();
}

// One key with what it must be, in words for the refusal.
struct Rule {
  const char* key;
  bool (*holds)(const Json&);
  const char* must_be;
};

constexpr Rule kJobRules[] = {
    {"pipeline", IsWord, "a string of 1 to 256 bytes"},
    {"strict", [](const Json& value) { return value.is_boolean(); }, "true or false"},
    {"stages",
     [](const Json& value) {
       return IsListOf(value, kMaxDeclaredStages, [](const Json& item) {
         return item.is_string() && IsStagePath(item.get_ref<const std::string&>());
       });
     },
     "an array of at most 10000 stages: names, or names separated by '/'"},
};

constexpr const char* kNewEpochKey = "new_epoch";

constexpr Rule kResumeRules[] = {
    {kNewEpochKey, [](const Json& value) { return value.is_boolean(); }, "true or false"},
};

constexpr Rule kGateRules[] = {
    {"prompt", [](const Json& value) { return IsTextUpTo(value, kMaxPromptBytes); },
     "a string of at most 16384 bytes"},
    {"options", [](const Json& value) { return IsListOf(value, kMaxGateOptions, IsWord); },
     "an array of at most 64 strings of 1 to 256 bytes"},
    {"timeout_seconds",
     [](const Json& value) {
       return value.is_number_integer() && value >= 1 && value <= kMaxGateTimeoutSeconds;
     },
     "a whole number of seconds from 1 to 31536000"},
    {"on_timeout",
     [](const Json& value) {
       return std::any_of(kTimeoutActions.begin(), kTimeoutActions.end(),
                          [&](std::string_view action) { return value == action; });
     },
     "'approve', 'reject' or 'expire'"},
    {"approvers", [](const Json& value) { return IsListOf(value, kMaxApprovers, IsWord); },
     "an array of at most 64 token names"},
};

// Keys that were the emitter's own in journals of before.
constexpr Rule kNewGateRules[] = {
    {"required",
     [](const Json& value) {
       return value.is_number_integer() && value >= 1 && value <= kMaxRequiredApprovals;
     },
     "a whole number from 1 to 64"},
    {"allow_self", [](const Json& value) { return value.is_boolean(); }, "true or false"},
};

constexpr Rule kDecisionRules[] = {
    {"comment", [](const Json& value) { return value.is_string(); }, "a string"},
    {"choice", IsWord, "a string of 1 to 256 bytes"},
    {"via", IsWord, "a string of 1 to 256 bytes"},
};

// A key that was the emitter's own in journals of before.
constexpr Rule kAnswerRules[] = {
    {"answers",
     [](const Json& value) { return value.is_object() && value.size() <= kMaxGateFields; },
     "an object of at most 32 answers by the names of the gate's fields"},
};

constexpr const char* kIntervalKey = "interval_seconds";

constexpr Rule kHeartbeatRules[] = {
    {kIntervalKey,
     [](const Json& value) {
       return value.is_number() && value >= 1 && value <= kMaxHeartbeatSeconds;
     },
     "a number of seconds from 1 to 3600"},
};

Refusal InvalidField(const std::string& key, const std::string& must_be) {
  return {.code = "invalid_field",
          .detail = "'payload." + key + "' must be " + must_be,
          .field = "payload." + key};
}

template <size_t kCount>
std::optional<Refusal> Check(const Json& object, const Rule (&rules)[kCount]) {
  for (const Rule& rule : rules) {
    const Json* value = Find(object, rule.key);
    if (value != nullptr && !rule.holds(*value)) return InvalidField(rule.key, rule.must_be);
  }
  return std::nullopt;
}

// The member of that name as it was sent; empty where it is not there, or null.
std::string_view RawMember(std::string_view payload, std::string_view key) {
  for (JsonMembers members(payload); members.Next();) {
    if (PayloadKey(members.key()) == key && members.value() != "null") return members.value();
  }
  return {};
}

// Its bytes, for the document in memory has lost keys that are given twice.
std::optional<Refusal> CheckLabels(std::string_view payload) {
  const std::string_view labels = RawMember(payload, "labels");
  return labels.empty() ? std::nullopt : CheckLabelObject(labels);
}

// A key that means the interval and is spelled otherwise would do nothing, without a word.
std::optional<Refusal> CheckHeartbeat(const Json& object) {
  for (const auto& member : object.items()) {
    const bool is_other = member.key().starts_with("interval") && member.key() != kIntervalKey;
    if (!is_other) continue;
    return Refusal{.code = "invalid_field",
                   .detail = "unknown key 'payload." + member.key() +
                             "' in a heartbeat; did you mean 'payload.interval_seconds'?",
                   .field = "payload." + member.key()};
  }
  return Check(object, kHeartbeatRules);
}

// The document in memory has lost keys that are given twice.
std::optional<Refusal> CheckKeysWithin(std::string_view payload, const std::string& key) {
  const std::string repeated = RepeatedKey(RawMember(payload, key));
  if (repeated.empty()) return std::nullopt;
  const std::string shown = QuotableText(repeated, 128);
  return Refusal{.code = "duplicate_key",
                 .detail = "duplicate key '" + shown + "' in 'payload." + key + "'",
                 .field = "payload." + key};
}

// More approvals than there are approvers would never come.
std::optional<Refusal> CheckRequired(const Json& object) {
  const Json* required = Find(object, "required");
  if (required == nullptr || Find(object, "approvers") == nullptr) return std::nullopt;
  const std::vector<std::string> listed = TextsOf(object, "approvers");
  const std::set<std::string> approvers(listed.begin(), listed.end());
  if (*required <= approvers.size()) return std::nullopt;
  return InvalidField("required", "at most the number of different 'approvers' (" +
                                      std::to_string(approvers.size()) + ")");
}

std::optional<Refusal> CheckNewGateKeys(const Json& object, std::string_view payload) {
  if (auto refusal = Check(object, kNewGateRules)) return refusal;
  if (auto refusal = CheckRequired(object)) return refusal;
  const Json* fields = Find(object, "fields");
  if (fields == nullptr) return std::nullopt;
  if (auto refusal = CheckKeysWithin(payload, "fields")) return refusal;
  return CheckGateFields(*fields);
}

std::optional<Refusal> CheckDecision(const Json& object, std::string_view payload,
                                     bool was_stored) {
  if (auto refusal = Check(object, kDecisionRules)) return refusal;
  if (was_stored || Find(object, "answers") == nullptr) return std::nullopt;
  if (auto refusal = Check(object, kAnswerRules)) return refusal;
  return CheckKeysWithin(payload, "answers");
}

std::optional<Refusal> CheckGate(const Json& object, std::string_view payload, bool was_stored) {
  if (auto refusal = Check(object, kGateRules)) return refusal;
  if (!was_stored) {
    if (auto refusal = CheckNewGateKeys(object, payload)) return refusal;
  }
  // Nobody on the list would mean everybody.
  const Json* approvers = Find(object, "approvers");
  if (approvers != nullptr && approvers->empty() && !was_stored) {
    return InvalidField("approvers", "a non-empty array; omit it if every approver may decide");
  }
  // No choice at all would mean any.
  const Json* options = Find(object, "options");
  if (options != nullptr && options->empty() && !was_stored) {
    return InvalidField("options", "a non-empty array; omit it if there is nothing to choose");
  }
  if (Find(object, "on_timeout") != nullptr && Find(object, "timeout_seconds") == nullptr) {
    return InvalidField("on_timeout", "omitted unless 'timeout_seconds' is given");
  }
  return std::nullopt;
}

}  // namespace

JobPayload ReadJobPayload(std::string_view payload) {
  const Json object = Parsed(payload);
  JobPayload job;
  job.pipeline = TextOf(object, "pipeline");
  job.stages = TextsOf(object, "stages");
  std::erase_if(job.stages, [](const std::string& path) { return !IsStagePath(path); });
  const Json* strict = Find(object, "strict");
  job.strict = strict != nullptr && *strict == true;
  if (const Json* labels = Find(object, "labels")) job.labels = DecodeLabels(labels->dump());
  return job;
}

ResumePayload ReadResumePayload(std::string_view payload) {
  if (payload.empty()) return {};
  const Json object = Parsed(payload);
  const Json* new_epoch = Find(object, kNewEpochKey);
  return {new_epoch != nullptr && *new_epoch == true};
}

// Read without a document in memory: of all events that mean something these are by far the most.
ProgressPayload ReadProgressPayload(std::string_view payload) {
  ProgressPayload progress;
  bool& is_valid = progress.is_valid;
  unsigned seen = 0;  // a bit for each key that is read
  const auto see = [&](unsigned bit) {
    if ((seen & bit) != 0) is_valid = false;
    seen |= bit;
  };
  for (JsonMembers members(payload); members.Next();) {
    const std::string key = PayloadKey(members.key());
    const std::string_view value = members.value();
    if (key == "current") see(1);
    if (key == "total") see(2);
    if (key == "percent") see(4);
    if (key == "unit") see(8);
    if (key == "current") progress.current = FigureOf(value, kGreatestFigure, is_valid);
    if (key == "total") progress.total = FigureOf(value, kGreatestFigure, is_valid);
    if (key == "percent") progress.percent = FigureOf(value, 100, is_valid);
    const bool is_text = value.starts_with('"') && value.size() >= 2;
    if (key == "unit" && is_text) progress.unit = PayloadKey(value.substr(1, value.size() - 2));
    if (key == "unit" && !is_text && value != "null") is_valid = false;
  }
  return progress;
}

GatePayload ReadGatePayload(std::string_view payload) {
  const Json object = Parsed(payload);
  GatePayload gate;
  gate.prompt = TextOf(object, "prompt");
  gate.approvers = TextsOf(object, "approvers");
  const Json* required = Find(object, "required");
  if (required != nullptr && kNewGateRules[0].holds(*required)) gate.required = *required;
  const Json* allow_self = Find(object, "allow_self");
  gate.allow_self = allow_self == nullptr || *allow_self != false;
  if (const Json* fields = Find(object, "fields")) gate.fields = ReadGateFields(*fields);
  const std::vector<std::string> options = TextsOf(object, "options");
  if (!options.empty()) gate.options = DumpJson(Json(options));
  const Json* timeout = Find(object, "timeout_seconds");
  if (timeout == nullptr || !timeout->is_number_integer()) return gate;
  gate.timeout_seconds = std::clamp<int64_t>(timeout->get<int64_t>(), 1, kMaxGateTimeoutSeconds);
  gate.on_timeout = TextOf(object, "on_timeout");
  if (gate.on_timeout.empty()) gate.on_timeout = "expire";
  return gate;
}

DecisionPayload ReadDecisionPayload(std::string_view payload) {
  const Json object = Parsed(payload);
  DecisionPayload decision{TextOf(object, "comment"), TextOf(object, "choice"),
                           TextOf(object, "via"), ""};
  const Json* answers = Find(object, "answers");
  if (answers != nullptr && answers->is_object()) decision.answers = RawMember(payload, "answers");
  return decision;
}

HeartbeatPayload ReadHeartbeatPayload(std::string_view payload) {
  const Json object = Parsed(payload);
  const Json* seconds = Find(object, kIntervalKey);
  if (seconds == nullptr || !kHeartbeatRules[0].holds(*seconds)) return {};
  return {static_cast<int64_t>(seconds->get<double>() * 1e6)};
}

std::optional<Refusal> CheckOpener(const GatePayload& gate, const std::string& actor) {
  if (gate.allow_self || gate.approvers.empty()) return std::nullopt;
  std::set<std::string> others(gate.approvers.begin(), gate.approvers.end());
  others.erase(actor);
  if (gate.required <= static_cast<int64_t>(others.size())) return std::nullopt;
  return InvalidField("approvers",
                      "at least " + std::to_string(gate.required) + " besides '" + actor +
                          "', who opens the gate and may not decide it ('allow_self' is false)");
}

std::optional<Refusal> CheckEventPayload(EventType type, std::string_view payload,
                                         bool was_stored) {
  if (payload.empty()) return std::nullopt;
  if (!was_stored) {
    if (auto refusal = CheckPayloadKeys(type, payload)) return refusal;
  }
  switch (type) {
    case EventType::kJobCreated:
      if (auto refusal = Check(Parsed(payload), kJobRules)) return refusal;
      return was_stored ? std::nullopt : CheckLabels(payload);
    case EventType::kJobResumed:
      // Before the key was read it was the emitter's own, and could be anything.
      return was_stored ? std::nullopt : Check(Parsed(payload), kResumeRules);
    case EventType::kGatePause:
      return CheckGate(Parsed(payload), payload, was_stored);
    case EventType::kGateApproved:
    case EventType::kGateRejected:
    case EventType::kGateAutoApproved:
    case EventType::kGateExpired:
      return CheckDecision(Parsed(payload), payload, was_stored);
    case EventType::kHeartbeat:
      return CheckHeartbeat(Parsed(payload));
    default:
      return std::nullopt;
  }
}

}  // namespace stagelog
