#include "core/precondition_json.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/nearest.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/json_value.h"
#include "core/vocabulary.h"

namespace stagelog {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr int kMaxDepth = 8;

// In the order of the variant.
constexpr std::array<std::string_view, std::variant_size_v<Precondition>> kKinds = {
    "job_must_be_new",    "may_cancel_job",  "may_resume_job", "may_decide_gate",
    "gate_still_pending", "approvers_allow", "job_not_over"};

// --- The members of each struct, for both directions: visit(key, member) for one after the other
// ---

template <typename T, typename Struct>
concept Is = std::same_as<std::remove_const_t<T>, Struct>;

void VisitMembers(Is<JobMustBeNew> auto& value, auto&& visit) { visit("job_id", value.job_id); }
void VisitMembers(Is<JobNotOver> auto& value, auto&& visit) { visit("job_id", value.job_id); }
void VisitMembers(Is<MayCancelJob> auto& value, auto&& visit) { visit("job_id", value.job_id); }
void VisitMembers(Is<MayResumeJob> auto& value, auto&& visit) { visit("job_id", value.job_id); }

void VisitMembers(Is<MayDecideGate> auto& value, auto&& visit) {
  visit("job_id", value.job_id);
  visit("gate", value.gate);
  visit("decision", value.decision);
  visit("choice", value.choice);
  visit("answers", value.answers);
  visit("actor", value.actor);
  visit("is_admin", value.is_admin);
}

void VisitMembers(Is<GateStillPending> auto& value, auto&& visit) {
  visit("job_id", value.job_id);
  visit("gate", value.gate);
  visit("opened_seq", value.opened_seq);
}

void VisitMembers(Is<ApproversAllow> auto& value, auto&& visit) {
  visit("actor", value.actor);
  visit("draft_count", value.draft_count);
  visit("openings", value.openings);
  visit("decisions", value.decisions);
}

void VisitMembers(Is<ApproversAllow::Opening> auto& value, auto&& visit) {
  visit("line", value.line);
  visit("job_id", value.job_id);
  visit("gate", value.gate);
  visit("approvers", value.approvers);
  visit("allow_self", value.allow_self);
}

void VisitMembers(Is<ApproversAllow::Decision> auto& value, auto&& visit) {
  visit("line", value.line);
  visit("job_id", value.job_id);
  visit("gate", value.gate);
}

// --- Writing ---

OrderedJson JsonOf(const std::string& text) { return text; }
OrderedJson JsonOf(int64_t number) { return number; }
OrderedJson JsonOf(bool truth) { return truth; }

OrderedJson JsonOf(EventType type) {
  const auto types = AllTypes();
  const auto found = std::find_if(types.begin(), types.end(),
                                  [type](const TypeTraits& row) { return row.type == type; });
  return found == types.end() ? "" : found->name;
}

template <typename Struct>
void PutMembers(OrderedJson& object, const Struct& value);

template <typename T>
OrderedJson JsonOf(const std::vector<T>& values) {
  OrderedJson array = OrderedJson::array();
  for (const T& value : values) {
    if constexpr (std::is_same_v<T, std::string>) {
      array.push_back(value);
    } else {
      PutMembers(array.emplace_back(OrderedJson::object()), value);
    }
  }
  return array;
}

template <typename Struct>
void PutMembers(OrderedJson& object, const Struct& value) {
  VisitMembers(value, [&](const char* key, const auto& member) { object[key] = JsonOf(member); });
}

// --- Reading: `name` is the path of what is read ("decisions[0].line"), for the message ---

std::string Shown(std::string_view text) { return "'" + QuotableText(text, 128) + "'"; }

Status Read(const OrderedJson& json, const std::string& name, std::string& text) {
  if (!json.is_string()) return Failure("'" + name + "' must be a string");
  text = json.get<std::string>();
  return {};
}

// All numbers here count from 1.
Status Read(const OrderedJson& json, const std::string& name, int64_t& number) {
  const bool fits = json.is_number_unsigned() && json.get<uint64_t>() <= INT64_MAX;
  number = fits ? json.get<int64_t>() : 0;
  if (number >= 1) return {};
  return Failure("'" + name + "' must be an integer of at least 1");
}

Status Read(const OrderedJson& json, const std::string& name, bool& truth) {
  if (!json.is_boolean()) return Failure("'" + name + "' must be true or false");
  truth = json.get<bool>();
  return {};
}

Status Read(const OrderedJson& json, const std::string& name, EventType& decision) {
  const TypeTraits* traits = json.is_string() ? FindType(json.get<std::string>()) : nullptr;
  if (traits == nullptr || !traits->is_gate_decision) {
    return Failure("'" + name + "' must be a type of event that decides a gate");
  }
  decision = traits->type;
  return {};
}

template <typename Struct>
Status ReadMembers(const OrderedJson& json, const std::string& name, Struct& value);

template <typename T>
Status Read(const OrderedJson& json, const std::string& name, std::vector<T>& values) {
  if (!json.is_array()) return Failure("'" + name + "' must be an array");
  for (const OrderedJson& element : json) {
    const std::string place = name + "[" + std::to_string(values.size()) + "]";
    Status read;
    if constexpr (std::is_same_v<T, std::string>) {
      read = Read(element, place, values.emplace_back());
    } else {
      read = ReadMembers(element, place, values.emplace_back());
    }
    if (!read) return read;
  }
  return {};
}

Status CheckName(std::string_view key, const std::string& name, const auto& member) {
  if constexpr (std::is_same_v<decltype(member), const std::string&>) {
    const bool is_wrong =
        (key == "job_id" && !IsJobId(member)) || (key == "gate" && !IsName(member));
    if (is_wrong) return Failure("'" + name + "' is not a valid name: " + Shown(member));
  }
  return {};
}

// A `name` of none is that of the precondition itself.
template <typename Struct>
Status ReadMembers(const OrderedJson& json, const std::string& name, Struct& value) {
  if (!json.is_object()) return Failure("'" + name + "' must be an object");
  const std::string prefix = name.empty() ? "" : name + ".";
  std::vector<std::string_view> keys;
  Status status;
  VisitMembers(value, [&](const char* key, auto& member) {
    keys.emplace_back(key);
    if (!status) return;
    const auto found = json.find(key);
    if (found == json.end()) {
      status = Failure("missing key '" + prefix + key + "'");
      return;
    }
    status = Read(*found, prefix + key, member);
    if (status) status = CheckName(key, prefix + key, member);
  });
  for (const auto& [key, member] : json.items()) {
    if (!status) break;
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    status = Failure("unknown key " + Shown(prefix + key) + DidYouMean(key, keys));
  }
  return status;
}

// What the members of a struct must be together.
template <typename Struct>
Status CheckMembers(const Struct&) {
  return {};
}

template <typename T>
Status CheckLines(const std::vector<T>& values, const char* key, int64_t draft_count) {
  int64_t last = 0;
  for (const T& value : values) {
    if (value.line <= last || value.line > draft_count) {
      return Failure("the lines of '" + std::string(key) +
                     "' must ascend and be at most 'draft_count'");
    }
    last = value.line;
  }
  return {};
}

Status CheckMembers(const ApproversAllow& value) {
  if (value.decisions.empty()) return Failure("'decisions' must not be empty");
  if (Status lines = CheckLines(value.openings, "openings", value.draft_count); !lines) {
    return lines;
  }
  return CheckLines(value.decisions, "decisions", value.draft_count);
}

template <typename Alternative>
Result<Precondition> ReadAs(std::string_view kind, const OrderedJson& object) {
  Alternative value;
  Status status = ReadMembers(object, "", value);
  if (status) status = CheckMembers(value);
  if (!status) return Failure(std::string(kind) + ": " + status.error().message);
  return Precondition(std::move(value));
}

// By the place of `kind` among all kinds.
template <size_t... kIndexes>
Result<Precondition> ReadKind(std::string_view kind, const OrderedJson& object,
                              std::index_sequence<kIndexes...>) {
  Result<Precondition> read =
      Failure("unknown kind " + Shown(kind) + " of precondition" + DidYouMean(kind, kKinds));
  const auto try_kind = [&]<size_t kIndex>() {
    if (kind != kKinds[kIndex]) return;
    read = ReadAs<std::variant_alternative_t<kIndex, Precondition>>(kind, object);
  };
  (try_kind.template operator()<kIndexes>(), ...);
  return read;
}

Result<OrderedJson> ParseObject(std::string_view text) {
  if (auto members = ReadJsonObject(text, kMaxDepth); !members) {
    const Refusal& refusal = members.error();
    return Failure(refusal.code == "not_an_object" ? "a precondition is a JSON object"
                                                   : refusal.detail);
  }
  const std::string repeated = RepeatedKey(text);
  if (!repeated.empty()) return Failure("duplicate key " + Shown(repeated));
  return ParseOrderedJson(text);
}

}  // namespace

std::string EncodePrecondition(const Precondition& precondition) {
  OrderedJson object;
  object["kind"] = kKinds[precondition.index()];
  std::visit([&object](const auto& value) { PutMembers(object, value); }, precondition);
  return DumpJson(object);
}

Result<Precondition> DecodePrecondition(std::string_view json) {
  Result<OrderedJson> object = ParseObject(json);
  if (!object) return tl::unexpected(object.error());
  const auto kind = object->find("kind");
  if (kind == object->end()) return Failure("missing key 'kind'");
  if (!kind->is_string()) return Failure("'kind' must be a string");
  const std::string name = kind->get<std::string>();
  object->erase(kind);
  return ReadKind(name, *object, std::make_index_sequence<kKinds.size()>());
}

}  // namespace stagelog
