#include "core/labels.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kKeyRule =
    "1 to 63 letters, digits, '.', '_', '/' or '-', starting with a letter or digit";

Refusal InvalidLabel(const std::string& field, const std::string& must_be) {
  return {.code = "invalid_field", .detail = "'" + field + "' must be " + must_be, .field = field};
}

// The text of a JSON string from its bytes between the quotes.
std::string Unescaped(std::string_view text) {
  const Json value = ParseJson('"' + std::string(text) + '"');
  return value.is_string() ? value.get<std::string>() : "";
}

Refusal InvalidCondition(std::string detail) {
  return {.code = "invalid_parameter", .detail = std::move(detail), .field = "label"};
}

}  // namespace

bool IsLabelKey(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelKeyBytes && IsAlphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsAlphanumeric(c) || c == '.' || c == '_' || c == '/' || c == '-';
         });
}

bool IsLabelValue(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLabelValueBytes &&
         std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::optional<Refusal> CheckLabelObject(std::string_view json) {
  const std::string field = "payload.labels";
  if (!json.starts_with('{')) return InvalidLabel(field, "an object with string values");
  std::set<std::string> keys;
  for (JsonMembers members(json); members.Next();) {
    const std::string key = Unescaped(members.key());
    const std::string label = field + "." + QuotableText(key, 80);
    if (!IsLabelKey(key)) {
      return InvalidLabel(field, "an object whose keys are " + std::string(kKeyRule) + "; '" +
                                     QuotableText(key, 80) + "' is not");
    }
    if (!keys.insert(key).second) {
      return Refusal{
          .code = "duplicate_key", .detail = "duplicate key '" + label + "'", .field = label};
    }
    const std::string_view value = members.value();
    const bool is_text = value.starts_with('"');
    if (!is_text || !IsLabelValue(Unescaped(value.substr(1, value.size() - 2)))) {
      return InvalidLabel(label, "a string of 1 to 256 bytes without control characters");
    }
    if (keys.size() > kMaxLabels) return InvalidLabel(field, "an object with at most 32 labels");
  }
  return std::nullopt;
}

std::string EncodeLabels(const Labels& labels) {
  std::string out = "{";
  for (const auto& [key, value] : labels) {
    if (out.size() > 1) out += ',';
    AppendJsonString(out, key);
    out += ':';
    AppendJsonString(out, value);
  }
  return out + "}";
}

Labels DecodeLabels(std::string_view json) {
  Labels labels;
  const Json object = ParseJson(json);
  if (!object.is_object()) return labels;
  for (const auto& [key, value] : object.items()) {
    const bool is_label = labels.size() < kMaxLabels && IsLabelKey(key) && value.is_string() &&
                          IsLabelValue(value.get_ref<const std::string&>());
    if (is_label) labels.emplace(key, value.get<std::string>());
  }
  return labels;
}

tl::expected<LabelCondition, Refusal> ParseLabelCondition(std::string_view text) {
  const size_t end = text.find_first_of("=:");
  LabelCondition condition{.key = std::string(text.substr(0, end)), .value = std::nullopt};
  if (!IsLabelKey(condition.key)) {
    return tl::unexpected(
        InvalidCondition("'label' must be key=value or just a key; the key must be " +
                         std::string(kKeyRule) + "; '" + QuotableText(text, 80) + "' is not"));
  }
  if (end == std::string_view::npos) return condition;
  condition.value = std::string(text.substr(end + 1));
  if (IsLabelValue(*condition.value)) return condition;
  return tl::unexpected(
      InvalidCondition("the value of label '" + condition.key +
                       "' must be 1 to 256 bytes without control characters; to match any "
                       "value, give just the key"));
}

}  // namespace stagelog
