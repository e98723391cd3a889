#include "core/gate_fields.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/nearest.h"
#include "core/identifier.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> kTypeNames = {"text", "number", "choice", "boolean"};
constexpr std::array<std::string_view, 7> kFieldKeys = {"name",    "type", "label", "required",
                                                        "options", "min",  "max"};
constexpr size_t kMaxLabelBytes = 256;
constexpr size_t kMaxOptions = 64;
constexpr size_t kMaxTextCharacters = 16'384;

std::string_view NameOf(FieldType type) { return kTypeNames[static_cast<size_t>(type)]; }

std::optional<FieldType> TypeNamed(const Json& name) {
  const auto found = std::find_if(kTypeNames.begin(), kTypeNames.end(),
                                  [&](std::string_view known) { return name == known; });
  if (found == kTypeNames.end()) return std::nullopt;
  return static_cast<FieldType>(found - kTypeNames.begin());
}

size_t CharacterCount(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

bool IsBlank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

bool IsLabel(const Json& value) {
  return value.is_string() && !value.get_ref<const std::string&>().empty() &&
         value.get_ref<const std::string&>().size() <= kMaxLabelBytes;
}

bool IsOptionList(const Json& value) {
  return value.is_array() && !value.empty() && value.size() <= kMaxOptions &&
         std::all_of(value.begin(), value.end(), IsLabel);
}

bool IsBound(const Json& value, FieldType type) {
  if (!value.is_number()) return false;
  const double bound = value.get<double>();
  if (type == FieldType::kNumber) return std::abs(bound) <= kGreatestAnswer;
  return type == FieldType::kText && value.is_number_integer() && bound >= 0 &&
         bound <= static_cast<double>(kMaxTextCharacters);
}

// No digit first: readers of JSON in JavaScript would put such a name before all others.
bool IsFieldName(const Json& value) {
  if (!value.is_string()) return false;
  const auto& name = value.get_ref<const std::string&>();
  return IsName(name) && !(name[0] >= '0' && name[0] <= '9');
}

// A JSON null stands for "left out".
const Json* Find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// In words what the member must be; empty: nothing is wrong.
std::string ProblemOf(const Json& field, const std::string& key, FieldType type) {
  const Json* value = Find(field, key.c_str());
  if (value == nullptr) return "";
  if (key == "label" && !IsLabel(*value)) return "a string of 1 to 256 bytes";
  if (key == "required" && !value->is_boolean()) return "true or false";
  if (key == "options") {
    if (type != FieldType::kChoice) return "left out unless the type is 'choice'";
    if (!IsOptionList(*value)) return "an array of 1 to 64 strings of 1 to 256 bytes";
  }
  if ((key == "min" || key == "max") && !IsBound(*value, type)) {
    if (type == FieldType::kNumber) return "a number from -1e15 to 1e15";
    if (type == FieldType::kText) return "a number of characters, 0 to 16384";
    return "left out unless the type is 'number' or 'text'";
  }
  return "";
}

Refusal InvalidField(const std::string& place, const std::string& must_be) {
  return {.code = "invalid_field",
          .detail = "'payload." + place + "' must be " + must_be,
          .field = "payload." + place};
}

std::optional<Refusal> CheckField(const Json& field, const std::string& place) {
  if (!field.is_object()) return InvalidField(place, "an object");
  for (const auto& member : field.items()) {
    const bool is_known =
        std::find(kFieldKeys.begin(), kFieldKeys.end(), member.key()) != kFieldKeys.end();
    if (is_known || member.key().starts_with("x-")) continue;
    const std::string shown = QuotableText(member.key(), 128);
    return Refusal{.code = "unknown_key",
                   .detail = "unknown key '" + shown + "' in 'payload." + place + "'" +
                             DidYouMean(member.key(), kFieldKeys),
                   .field = "payload." + place + "." + shown};
  }
  const Json* name = Find(field, "name");
  if (name == nullptr || !IsFieldName(*name)) {
    return InvalidField(place + ".name",
                        "1 to 128 letters, digits, '.', '_' or '-', starting with a letter");
  }
  const Json* type_name = Find(field, "type");
  const std::optional<FieldType> type = type_name == nullptr ? std::nullopt : TypeNamed(*type_name);
  if (!type) return InvalidField(place + ".type", "'text', 'number', 'choice' or 'boolean'");
  for (const std::string_view key : kFieldKeys) {
    const std::string problem = ProblemOf(field, std::string(key), *type);
    if (!problem.empty()) return InvalidField(place + "." + std::string(key), problem);
  }
  if (*type == FieldType::kChoice && Find(field, "options") == nullptr) {
    return InvalidField(place + ".options", "given for a choice");
  }
  const Json* min = Find(field, "min");
  const Json* max = Find(field, "max");
  const bool is_empty_range = min != nullptr && max != nullptr && *min > *max;
  if (is_empty_range) return InvalidField(place + ".min", "at most 'max'");
  const Json* required = Find(field, "required");
  const bool asks_for_text = *type == FieldType::kText && required != nullptr && *required == true;
  if (asks_for_text && max != nullptr && *max < 1) {
    return InvalidField(place + ".max", "at least 1 for a text that is required");
  }
  return std::nullopt;
}

GateField FieldOf(const Json& json) {
  GateField field;
  field.name = json.at("name");
  field.type = *TypeNamed(json.at("type"));
  if (const Json* label = Find(json, "label")) field.label = *label;
  if (const Json* required = Find(json, "required")) field.required = *required;
  if (const Json* options = Find(json, "options")) {
    field.options = options->get<std::vector<std::string>>();
  }
  if (const Json* min = Find(json, "min")) field.min = min->get<double>();
  if (const Json* max = Find(json, "max")) field.max = max->get<double>();
  return field;
}

// A whole number is written as one.
OrderedJson ShortestNumber(double value) {
  if (std::floor(value) == value) return static_cast<int64_t>(value);
  return value;
}

std::string Listed(const std::vector<std::string>& words) {
  std::string list;
  for (const std::string& word : words) {
    list += (list.empty() ? "'" : ", '") + QuotableText(word, 128) + "'";
  }
  return list;
}

std::string NumberText(double value) { return ShortestNumber(value).dump(); }

std::string RangeText(const GateField& field) {
  if (field.min && field.max) {
    return NumberText(*field.min) + " to " + NumberText(*field.max);
  }
  if (field.min) return "at least " + NumberText(*field.min);
  if (field.max) return "at most " + NumberText(*field.max);
  return "";
}

bool IsInRange(const GateField& field, double value) {
  return value >= field.min.value_or(value) && value <= field.max.value_or(value);
}

// In words what the answer must be; empty: it is right.
std::string AnswerMustBe(const GateField& field, const Json& answer) {
  const std::string range = RangeText(field);
  switch (field.type) {
    case FieldType::kBoolean:
      return answer.is_boolean() ? "" : "true or false";
    case FieldType::kNumber: {
      const double value = answer.is_number() ? answer.get<double>() : HUGE_VAL;
      const bool is_right = std::abs(value) <= kGreatestAnswer && IsInRange(field, value);
      if (is_right) return "";
      return "a number" + (range.empty() ? " from -1e15 to 1e15" : ", " + range);
    }
    case FieldType::kChoice: {
      const bool is_right =
          std::any_of(field.options.begin(), field.options.end(),
                      [&](const std::string& option) { return answer == option; });
      return is_right ? "" : "one of " + Listed(field.options);
    }
    case FieldType::kText:
      break;
  }
  const size_t count =
      answer.is_string() ? CharacterCount(answer.get_ref<const std::string&>()) : SIZE_MAX;
  const bool is_right = count <= kMaxTextCharacters && IsInRange(field, static_cast<double>(count));
  if (is_right) return "";
  return "a string of " + (range.empty() ? "at most 16384" : range) + " characters";
}

// Nothing was answered: not given, or a blank text.
bool IsMissing(const GateField& field, const Json* answer) {
  if (answer == nullptr) return true;
  return field.type == FieldType::kText && answer->is_string() &&
         IsBlank(answer->get_ref<const std::string&>());
}

Json AnswersOf(std::string_view text) {
  Json answers = text.empty() ? Json::object() : ParseJson(text);
  return answers.is_object() ? answers : Json::object();
}

AnswerProblem Invalid(const std::string& name, std::string code, std::string detail) {
  const std::string shown = QuotableText(name, 128);
  return {"answer_invalid",
          {.code = std::move(code), .detail = std::move(detail), .field = "answers." + shown}};
}

}  // namespace

std::optional<Refusal> CheckGateFields(const Json& fields) {
  if (!fields.is_array() || fields.empty() || fields.size() > kMaxGateFields) {
    return InvalidField("fields", "an array of 1 to 32 fields");
  }
  std::vector<std::string> names;
  for (const Json& field : fields) {
    const std::string place = "fields[" + std::to_string(names.size()) + "]";
    if (auto refusal = CheckField(field, place)) return refusal;
    std::string name = field.at("name");
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return InvalidField(place + ".name", "unlike the names of the other fields");
    }
    names.push_back(std::move(name));
  }
  return std::nullopt;
}

std::vector<GateField> ReadGateFields(const Json& fields) {
  std::vector<GateField> read;
  if (!fields.is_array()) return read;
  for (const Json& json : fields) {
    if (read.size() == kMaxGateFields || CheckField(json, "")) continue;
    GateField field = FieldOf(json);
    const bool is_known = std::any_of(
        read.begin(), read.end(), [&](const GateField& other) { return other.name == field.name; });
    if (!is_known) read.push_back(std::move(field));
  }
  return read;
}

std::vector<GateField> DecodeGateFields(std::string_view json) {
  return json.empty() ? std::vector<GateField>() : ReadGateFields(ParseJson(json));
}

std::string EncodeGateFields(const std::vector<GateField>& fields) {
  if (fields.empty()) return "";
  OrderedJson list = OrderedJson::array();
  for (const GateField& field : fields) {
    OrderedJson& json = list.emplace_back();
    json["name"] = field.name;
    json["type"] = NameOf(field.type);
    if (!field.label.empty()) json["label"] = field.label;
    if (field.required) json["required"] = true;
    if (!field.options.empty()) json["options"] = field.options;
    if (field.min) json["min"] = ShortestNumber(*field.min);
    if (field.max) json["max"] = ShortestNumber(*field.max);
  }
  return DumpJson(list);
}

std::optional<AnswerProblem> CheckAnswers(const std::vector<GateField>& fields,
                                          std::string_view answers, bool needs_all) {
  const Json given = AnswersOf(answers);
  if (const std::string repeated = RepeatedKey(answers.empty() ? "{}" : answers);
      !repeated.empty()) {
    return Invalid(repeated, "duplicate_key",
                   "'" + QuotableText(repeated, 128) + "' is answered twice");
  }
  std::vector<std::string_view> names;
  for (const GateField& field : fields) names.push_back(field.name);
  for (const auto& member : given.items()) {
    if (std::find(names.begin(), names.end(), member.key()) != names.end()) continue;
    const std::string shown = QuotableText(member.key(), 128);
    return Invalid(member.key(), "unknown_key",
                   fields.empty()
                       ? "the gate asks no fields; '" + shown + "' answers none"
                       : "the gate has no field '" + shown + "'" + DidYouMean(member.key(), names));
  }
  for (const GateField& field : fields) {
    const Json* answer = Find(given, field.name.c_str());
    if (needs_all && field.required && IsMissing(field, answer)) {
      return AnswerProblem{"answer_required",
                           {.code = "answer_required",
                            .detail = "the gate requires an answer to '" + field.name + "'",
                            .field = "answers." + field.name}};
    }
    if (answer == nullptr) continue;
    const std::string must_be = AnswerMustBe(field, *answer);
    if (!must_be.empty()) {
      return Invalid(field.name, "invalid_field",
                     "'answers." + field.name + "' must be " + must_be);
    }
  }
  return std::nullopt;
}

std::string NormalAnswers(const std::vector<GateField>& fields, std::string_view answers) {
  const Json given = AnswersOf(answers);
  OrderedJson normal;
  for (const GateField& field : fields) {
    const Json* answer = Find(given, field.name.c_str());
    if (answer == nullptr || !AnswerMustBe(field, *answer).empty()) continue;
    normal[field.name] =
        answer->is_number() ? ShortestNumber(answer->get<double>()) : OrderedJson(*answer);
  }
  return normal.is_null() ? "" : DumpJson(normal);
}

}  // namespace stagelog
