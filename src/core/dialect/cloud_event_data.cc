#include "core/dialect/cloud_event_data.h"

#include "base/base64.h"
#include "base/text.h"
#include "base/utf8.h"
#include "core/draft_decoder.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

// Text that is UTF-8: what another charset says cannot be a message.
bool IsTextType(std::string_view content_type) {
  const std::string field = LowerCase(content_type);
  const size_t charset = field.find("charset=");
  const bool is_utf8 = charset == std::string::npos || ContainsText(field, "utf-8") ||
                       ContainsText(field, "utf8") || ContainsText(field, "us-ascii");
  return field.starts_with("text/") && is_utf8;
}

// Only objects can be read.
std::string Wrapped(std::string_view json) { return "{\"data\":" + std::string(json) + "}"; }

// Any JSON value; no value for what is none.
std::optional<JsonMember> ReadJsonValue(std::string_view json) {
  auto members = ReadJsonObject(Wrapped(json), kMaxJsonDepth);
  if (!members || members->size() != 1) return std::nullopt;
  return std::move(members->front());
}

void TakeObject(const JsonMember& object, LiftedData& content) {
  bool has_message = false;
  for (JsonMembers members(object.raw); members.Next();) {
    if (members.key() == "message" && members.value().starts_with('"') && !has_message) {
      has_message = true;
      const std::optional<JsonMember> message = ReadJsonValue(members.value());
      if (message) content.message = message->text;
      continue;
    }
    content.has_foreign_attributes =
        content.has_foreign_attributes || members.key() == kForeignAttributesKey;
    // The key's own spelling, escapes and all.
    content.payload += content.payload.empty() ? "{" : ",";
    content.payload += "\"" + std::string(members.key()) + "\":" + std::string(members.value());
  }
}

}  // namespace

bool IsJsonType(std::string_view content_type) {
  const std::string type = LowerCase(Trimmed(content_type.substr(0, content_type.find(';'))));
  return type == "application/json" || type == "text/json" || type.ends_with("+json");
}

CloudEventData CloudEventDataOf(std::string bytes, std::string_view content_type) {
  if (bytes.empty()) return {};
  if (IsJsonType(content_type)) {
    if (auto value = ReadJsonValue(bytes))
      return {CloudEventData::Kind::kJson, std::move(*value), {}};
  }
  const bool is_text = IsTextType(content_type) && IsUtf8(bytes);
  return {
      is_text ? CloudEventData::Kind::kText : CloudEventData::Kind::kBytes, {}, std::move(bytes)};
}

std::optional<Refusal> JsonProblem(std::string_view json) {
  // Of an object the reader says where it is wrong.
  const auto object = ReadJsonObject(json, kMaxJsonDepth);
  if (!object && object.error().code != "not_an_object") return object.error();
  if (object || ReadJsonValue(json)) return std::nullopt;
  return Refusal{.code = "malformed_json", .detail = "the data is not valid JSON"};
}

LiftedData LiftData(const CloudEventData& data) {
  LiftedData content;
  switch (data.kind) {
    case CloudEventData::Kind::kNone:
      break;
    case CloudEventData::Kind::kText:
      content.message = data.bytes;
      break;
    case CloudEventData::Kind::kBytes:
      AppendJsonMember(content.payload, "data_base64", JsonString(Base64(data.bytes)));
      break;
    case CloudEventData::Kind::kJson:
      if (data.json.kind == JsonMember::Kind::kObject) {
        TakeObject(data.json, content);
      } else if (data.json.kind == JsonMember::Kind::kText) {
        content.message = data.json.text;
      } else if (data.json.kind != JsonMember::Kind::kNull) {
        AppendJsonMember(content.payload, "data", data.json.raw);
      }
  }
  return content;
}

LiftedData SplitData(const CloudEventData& data) {
  LiftedData content;
  for (JsonMembers members(data.json.raw); members.Next();) {
    if (members.key() == "message") {
      if (const auto message = ReadJsonValue(members.value())) content.message = message->text;
    } else if (members.key() == "payload" && members.value().starts_with('{')) {
      content.payload = members.value().substr(0, members.value().size() - 1);
    }
  }
  return content;
}

}  // namespace stagelog
