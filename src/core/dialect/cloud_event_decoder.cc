#include "core/dialect/cloud_event_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/base64.h"
#include "base/text.h"
#include "base/utf8.h"
#include "core/dialect/cloud_event_data.h"
#include "core/dialect/cloud_event_translation.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/text_line.h"

namespace stagelog {
namespace {

constexpr size_t kMaxMembers = 128;  // as many as a head may have fields, and some more

Refusal Invalid(std::string_view field, std::string detail) {
  return {.code = "invalid_field", .detail = std::move(detail), .field = std::string(field)};
}

bool IsAttributeName(std::string_view name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](char c) {
    return IsDigit(c) || (c >= 'a' && c <= 'z');
  });
}

Refusal IllegalName(std::string_view name) {
  const std::string shown = QuotableText(name, 80);
  return Invalid(shown, "'" + shown +
                            "' is no attribute of a CloudEvent: names are lower-case letters and "
                            "digits (CloudEvents 1.0.2, section 3.1)");
}

// What a member of a structured event is: an attribute, or its data.
struct StructuredEvent {
  std::vector<CloudEventAttribute> attributes;
  const JsonMember* data = nullptr;
  const JsonMember* data_base64 = nullptr;
};

std::optional<Refusal> TakeMember(const JsonMember& member, StructuredEvent& event) {
  using Kind = JsonMember::Kind;
  const bool is_data = member.key == "data";
  if (is_data || member.key == "data_base64") {
    const JsonMember*& place = is_data ? event.data : event.data_base64;
    if (place != nullptr) return DuplicateKey(member.key);
    if (member.kind != Kind::kNull) place = &member;
    return std::nullopt;
  }
  if (!IsAttributeName(member.key)) return IllegalName(member.key);
  if (member.kind == Kind::kNull) return std::nullopt;  // JSON format, section 2.2: not set
  static constexpr std::array<std::string_view, 8> kTexts = {
      "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"};
  const bool wants_text = std::find(kTexts.begin(), kTexts.end(), member.key) != kTexts.end();
  if (member.kind == Kind::kText) {
    if (wants_text && member.text.empty()) {
      return Invalid(member.key, "'" + member.key + "' must not be empty");
    }
    event.attributes.push_back({member.key, member.text, member.raw});
    return std::nullopt;
  }
  if (!wants_text && (member.kind == Kind::kBoolean || member.kind == Kind::kInteger)) {
    event.attributes.push_back({member.key, member.raw, member.raw});
    return std::nullopt;
  }
  return Invalid(member.key, "'" + member.key + "' must be a string" +
                                 (wants_text ? "" : ", a boolean or a whole number"));
}

tl::expected<CloudEventData, Refusal> DataOf(const StructuredEvent& event) {
  if (event.data != nullptr && event.data_base64 != nullptr) {
    return tl::unexpected(
        Invalid("data_base64", "'data' and 'data_base64' are given both; send only one"));
  }
  if (event.data != nullptr) return CloudEventData{CloudEventData::Kind::kJson, *event.data, {}};
  if (event.data_base64 == nullptr) return CloudEventData();
  std::optional<std::string> bytes;
  if (event.data_base64->kind == JsonMember::Kind::kText) {
    bytes = DecodeBase64(event.data_base64->text);
  }
  if (!bytes) {
    return tl::unexpected(Invalid("data_base64", "'data_base64' must be a string of base64"));
  }
  std::string_view content_type;
  for (const CloudEventAttribute& attribute : event.attributes) {
    if (attribute.name == "datacontenttype") content_type = attribute.text;
  }
  return CloudEventDataOf(std::move(*bytes), content_type);
}

DecodedBody OneDraft(EventDraft draft) {
  DecodedBody decoded;
  decoded.drafts.push_back(std::move(draft));
  return decoded;
}

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  const char lower = LowerCase(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// HTTP binding, section 3.1.3.2: quoted strings are unquoted first; a '%' that begins no code
// stays.
std::string FieldValue(std::string_view field) {
  std::string text(field);
  if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
    text.clear();
    for (size_t i = 1; i + 1 < field.size(); ++i) {
      if (field[i] == '\\' && i + 2 < field.size()) ++i;
      text += field[i];
    }
  }
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : HexValue(text[i + 2]);
    if (low < 0) {
      decoded += text[i];
      continue;
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

bool IsAttributeField(std::string_view name) {
  return EqualsIgnoringCase(name.substr(0, kCloudEventFieldPrefix.size()), kCloudEventFieldPrefix);
}

tl::expected<std::vector<CloudEventAttribute>, Refusal> AttributesOf(HeadFields fields) {
  std::vector<CloudEventAttribute> attributes;
  for (const auto& [field, value] : fields) {
    if (!IsAttributeField(field)) continue;
    const std::string name = LowerCase(field.substr(kCloudEventFieldPrefix.size()));
    if (!IsAttributeName(name) || name == "data") return tl::unexpected(IllegalName(name));
    std::string text = FieldValue(value);
    if (!IsUtf8(text)) {
      return tl::unexpected(
          Invalid(field, "the field '" + field + "' is not UTF-8 once its percent codes are read"));
    }
    std::string json = JsonString(text);
    attributes.push_back({name, std::move(text), std::move(json)});
  }
  return attributes;
}

}  // namespace

tl::expected<EventDraft, Refusal> DecodeCloudEvent(std::string_view json,
                                                   const DraftOrigin& origin) {
  if (auto refusal = CheckEventSize(json)) return tl::unexpected(std::move(*refusal));
  const auto members = ReadJsonObject(json, kMaxJsonDepth);
  if (!members) return tl::unexpected(members.error());
  if (members->size() > kMaxMembers) {
    return tl::unexpected(Invalid(
        "", "a CloudEvent may have at most " + std::to_string(kMaxMembers) + " attributes"));
  }
  StructuredEvent event;
  for (const JsonMember& member : *members) {
    if (auto refusal = TakeMember(member, event)) return tl::unexpected(std::move(*refusal));
  }
  const auto data = DataOf(event);
  if (!data) return tl::unexpected(data.error());
  return TranslateCloudEvent(event.attributes, *data, origin);
}

tl::expected<DecodedBody, Refusal> DecodeCloudEventBody(std::string_view body,
                                                        const DraftOrigin& origin) {
  auto draft = DecodeCloudEvent(Trimmed(WithoutByteOrderMark(body)), origin);
  if (!draft) return tl::unexpected(std::move(draft.error()));
  return OneDraft(std::move(*draft));
}

tl::expected<DecodedBody, Refusal> DecodeCloudEventBatch(std::string_view body,
                                                         const DraftOrigin& origin) {
  const std::string_view text = Trimmed(WithoutByteOrderMark(body));
  if (!text.starts_with('[')) {
    return tl::unexpected(Refusal{.code = "malformed_json",
                                  .detail = "a batch of CloudEvents is a JSON array of them"});
  }
  const bool is_empty = Trimmed(text.substr(1)) == "]";
  if (is_empty) return DecodedBody{.drafts = {}, .is_batch = true, .where = {.is_array = true}};
  return DecodeJsonArray(text, origin, &DecodeCloudEvent);
}

bool IsBinaryCloudEvent(HeadFields fields) {
  return std::any_of(fields.begin(), fields.end(),
                     [](const auto& field) { return IsAttributeField(field.first); });
}

tl::expected<DecodedBody, Refusal> DecodeBinaryCloudEvent(HeadFields fields,
                                                          std::string_view content_type,
                                                          std::string_view body,
                                                          const DraftOrigin& origin) {
  if (auto refusal = CheckEventSize(body)) return tl::unexpected(std::move(*refusal));
  auto attributes = AttributesOf(fields);
  if (!attributes) return tl::unexpected(std::move(attributes.error()));
  for (const CloudEventAttribute& attribute : *attributes) {
    if (attribute.name != "datacontenttype") continue;
    return tl::unexpected(Invalid("ce-datacontenttype",
                                  "the type of the data is that of the body, in 'Content-Type'"));
  }
  CloudEventData data = CloudEventDataOf(std::string(body), content_type);
  if (data.kind == CloudEventData::Kind::kBytes && IsJsonType(content_type)) {
    return tl::unexpected(*JsonProblem(body));
  }
  if (data.kind == CloudEventData::Kind::kBytes && !content_type.empty()) {
    attributes->push_back({"datacontenttype", std::string(content_type),
                           JsonString(QuotableText(content_type, 256))});
  }
  auto draft = TranslateCloudEvent(*attributes, data, origin);
  if (!draft) return tl::unexpected(std::move(draft.error()));
  return OneDraft(std::move(*draft));
}

}  // namespace stagelog
