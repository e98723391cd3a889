#include "core/dialect/cloud_event_decoder.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/base64.h"
#include "base/name_uuid.h"
#include "base/random.h"
#include "base/text.h"
#include "base/timestamp.h"
#include "base/utf8.h"
#include "core/dialect/cd_event.h"
#include "core/dialect/cloud_event_subject.h"
#include "core/dialect/cloud_event_type.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/level_words.h"
#include "core/text_line.h"

namespace stagelog {
namespace {

constexpr std::string_view kFieldPrefix = "ce-";
constexpr std::string_view kSpecVersion = "1.0";
constexpr size_t kMaxMembers = 128;              // as many as a head may have fields, and some more
constexpr const char* kOrigin = "x-cloudevent";  // the key of a payload that keeps what is foreign
// What our own CloudEvents say beside the event's own attributes.
constexpr std::array<std::string_view, 10> kOwnExtensions = {
    "sequence", "recordedtime", "partitionkey", "authid", "authtype",
    "status",   "datashape",    "stage",        "gate",   "attempt"};

// A context attribute; extensions are among them.
struct Attribute {
  std::string name;
  std::string text;
  std::string json;  // as a JSON value
};

struct Data {
  enum class Kind { kNone, kJson, kText, kBytes };
  Kind kind = Kind::kNone;
  JsonMember json;    // for kJson
  std::string bytes;  // for kText and kBytes
};

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

bool IsJsonType(std::string_view content_type) {
  const std::string type = LowerCase(Trimmed(content_type.substr(0, content_type.find(';'))));
  return type == "application/json" || type == "text/json" || type.ends_with("+json");
}

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

// Bytes by what their type says they are.
Data DataOf(std::string bytes, std::string_view content_type) {
  if (bytes.empty()) return {};
  if (IsJsonType(content_type)) {
    if (auto value = ReadJsonValue(bytes)) return {Data::Kind::kJson, std::move(*value), {}};
  }
  const bool is_text = IsTextType(content_type) && IsUtf8(bytes);
  return {is_text ? Data::Kind::kText : Data::Kind::kBytes, {}, std::move(bytes)};
}

// The members of a payload that is made of data, one message taken out of them.
struct LiftedData {
  std::string message;
  std::string payload;
  bool has_origin = false;  // the data had what an earlier translation had kept
};

void TakeObject(const JsonMember& object, LiftedData& content) {
  bool has_message = false;
  for (JsonMembers members(object.raw); members.Next();) {
    if (members.key() == "message" && members.value().starts_with('"') && !has_message) {
      has_message = true;
      const std::optional<JsonMember> message = ReadJsonValue(members.value());
      if (message) content.message = message->text;
      continue;
    }
    content.has_origin = content.has_origin || members.key() == kOrigin;
    // The key's own spelling, escapes and all.
    content.payload += content.payload.empty() ? "{" : ",";
    content.payload += "\"" + std::string(members.key()) + "\":" + std::string(members.value());
  }
}

LiftedData LiftedFrom(const Data& data) {
  LiftedData content;
  switch (data.kind) {
    case Data::Kind::kNone:
      break;
    case Data::Kind::kText:
      content.message = data.bytes;
      break;
    case Data::Kind::kBytes:
      AppendJsonMember(content.payload, "data_base64", JsonString(Base64(data.bytes)));
      break;
    case Data::Kind::kJson:
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

// Data of ours whose message and payload stand apart.
LiftedData Split(const Data& data) {
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

// Makes the draft of an event whose attributes have been read.
class Translation {
 public:
  Translation(const std::vector<Attribute>& attributes, const Data& data, const DraftOrigin& origin)
      : attributes_(attributes), data_(data), origin_(origin) {}

  tl::expected<EventDraft, Refusal> Run() {
    if (auto refusal = CheckAttributes()) return tl::unexpected(std::move(*refusal));
    auto cd_event = ReadCdEvent(Text("type"), data_.json);
    if (!cd_event) return tl::unexpected(std::move(cd_event.error()));
    cd_event_ = std::move(*cd_event);
    type_ = cd_event_ ? cd_event_->type : TypeOfCloudEvent(Text("type"));
    is_ours_ = IsReturned();
    LiftedData content;
    if (!cd_event_) {
      content = is_ours_ && !Text("datashape").empty() ? Split(data_) : LiftedFrom(data_);
      const bool is_foreign = TypeHasForeignPrefix(Text("type"));
      // A log of ours has a message: a stranger's without one is kept as what it is.
      if (is_foreign && type_ == "log" && content.message.empty()) {
        type_ = CustomTypeOf(Text("type"));
      }
    }
    AppendJsonMember(event_, "type", JsonString(type_));
    AddText("event_id", EventId());
    AddText("occurred_at", Text("time"));
    if (auto refusal = AddJob()) return tl::unexpected(std::move(*refusal));
    if (cd_event_) {
      AddCdEvent();
    } else {
      AddSubject();
      if (is_ours_) AddText("status", Text("status"));
      AddContent(std::move(content));
    }
    AddText("level", LevelOfWord(Text("severitytext")));
    auto draft = DecodeDraft(event_ + "}", origin_);
    if (!draft) return tl::unexpected(InTheirWords(std::move(draft.error())));
    return draft;
  }

 private:
  std::string_view Text(std::string_view name) const {
    for (const Attribute& attribute : attributes_) {
      if (attribute.name == name) return attribute.text;
    }
    return {};
  }

  void AddText(std::string_view key, std::string_view value) {
    if (!value.empty()) AppendJsonMember(event_, key, JsonString(value));
  }

  std::optional<Refusal> CheckAttributes() const {
    for (size_t i = 0; i < attributes_.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (attributes_[i].name == attributes_[j].name) return DuplicateKey(attributes_[i].name);
      }
    }
    for (const std::string_view name : {"specversion", "id", "source", "type"}) {
      if (!Text(name).empty()) continue;
      return Refusal{.code = "missing_field",
                     .detail = "'" + std::string(name) +
                               "' is missing: every CloudEvent has a specversion, an id, a source "
                               "and a type",
                     .field = std::string(name)};
    }
    if (Text("specversion") != kSpecVersion) {
      return Invalid("specversion", "CloudEvents of version 1.0 are read, not of '" +
                                        QuotableText(Text("specversion"), 40) + "'");
    }
    const std::string_view time = Text("time");
    if (!time.empty() && !ParseTimestamp(time)) {
      return Refusal{
          .code = "invalid_time",
          .detail = "'time' must be an RFC 3339 time with a zone, like 2026-11-21T07:41:02Z",
          .field = "time"};
    }
    return std::nullopt;
  }

  // An event that EncodeCloudEvent() made, sent in again.
  bool IsReturned() const {
    const std::string_view source = Text("source");
    const size_t jobs = source.find("/jobs/");
    const bool is_of_journal = source.starts_with('/') && jobs != std::string_view::npos &&
                               IsUuidV7(source.substr(1, jobs - 1));
    return is_of_journal && Text("type").starts_with(kOwnTypePrefix) && !Text("sequence").empty() &&
           !Text("recordedtime").empty() && IsEventId(Text("id"));
  }

  // The same pair of id and source is the same event (section 3.1.1).
  std::string EventId() const {
    const std::string_view id = Text("id");
    if (is_ours_) return std::string(id);
    return UuidOfName(std::string(Text("source")) + "\n" + std::string(id));
  }

  std::optional<Refusal> AddJob() {
    if (!origin_.job_id.empty()) return std::nullopt;
    std::string job_id = cd_event_ ? cd_event_->job : "";
    if (job_id.empty()) job_id = JobOfSource(Text("source"));
    if (IsJobId(job_id)) {
      AddText("job_id", job_id);
      return std::nullopt;
    }
    return Refusal{.code = "invalid_id",
                   .detail =
                       "'source' names no job: what follows '/jobs/' in it, else its last "
                       "part, must be " +
                       std::string(kNameRule) + "; or send to /api/v1/jobs/{job}/events",
                   .field = "source"};
  }

  void AddSubject() {
    if (is_ours_ && !Text("stage").empty()) {
      uses_subject_ = true;
      AddText("stage", Text("stage"));
      AddText("gate", Text("gate"));
      if (!Text("attempt").empty()) AppendJsonMember(event_, "attempt", Text("attempt"));
      return;
    }
    std::optional<CloudEventSubject> subject = ReadSubject(Text("subject"));
    uses_subject_ = subject.has_value();
    if (!subject) return;
    const TypeTraits* traits = FindType(type_);
    const bool is_gate = traits != nullptr && traits->needs_gate;
    if (is_gate && subject->gate.empty()) subject->gate.swap(subject->stage);
    AddText("stage", subject->stage);
    AddText("gate", subject->gate);
    if (subject->attempt) {
      AppendJsonMember(event_, "attempt", std::to_string(*subject->attempt));
    }
  }

  // All of it is kept in the payload.
  void AddCdEvent() {
    AddText("stage", cd_event_->stage);
    AddText("gate", cd_event_->gate);
    AddText("status", cd_event_->status);
    AddText("message", cd_event_->message);
    std::string payload;
    if (!cd_event_->pipeline.empty()) {
      AppendJsonMember(payload, "pipeline", JsonString(cd_event_->pipeline));
    }
    AppendJsonMember(payload, "x-cdevent", data_.json.raw);
    uses_subject_ = true;
    const std::string foreign = Foreign();
    if (!foreign.empty()) AppendJsonMember(payload, kOrigin, foreign + "}");
    AppendJsonMember(event_, "payload", payload + "}");
  }

  void AddContent(LiftedData content) {
    AddText("message", content.message);
    const std::string foreign = Foreign();
    if (!foreign.empty()) {
      if (content.has_origin) {  // the data has a member of that name: it stays together
        content.payload.clear();
        AppendJsonMember(content.payload, "data", data_.json.raw);
      }
      AppendJsonMember(content.payload, kOrigin, foreign + "}");
    }
    if (!content.payload.empty()) AppendJsonMember(event_, "payload", content.payload + "}");
  }

  // What the event says beyond what ours has a place for, as an object that is not closed.
  std::string Foreign() const {
    std::string object;
    for (const Attribute& attribute : attributes_) {
      if (IsForeign(attribute)) AppendJsonMember(object, attribute.name, attribute.json);
    }
    return object;
  }

  bool IsForeign(const Attribute& attribute) const {
    const std::string_view name = attribute.name;
    if (name == "specversion" || name == "time") return false;
    if (name == "severitytext") return LevelOfWord(attribute.text).empty();
    if (name == "subject") return !uses_subject_;
    if (cd_event_ && (name == "type" || name == "id" || name == "source")) return false;
    if (name == "type") return attribute.text != type_ && !is_ours_;
    if (name == "datacontenttype") return !IsJsonType(attribute.text);
    if (name == "id" || name == "source") return !is_ours_;
    return !is_ours_ ||
           std::find(kOwnExtensions.begin(), kOwnExtensions.end(), name) == kOwnExtensions.end();
  }

  // Names the attribute that a refused key was made of.
  static Refusal InTheirWords(Refusal refusal) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords = {{
        {"event_id", "id"},
        {"occurred_at", "time"},
        {"job_id", "source"},
        {"stage", "subject"},
        {"gate", "subject"},
        {"level", "severitytext"},
        {"message", "data"},
    }};
    for (const auto& [ours, theirs] : kWords) {
      if (refusal.field != ours) continue;
      refusal.field = theirs;
      refusal.detail += " ('" + std::string(ours) + "' is taken from '" + std::string(theirs) +
                        "' of the CloudEvent)";
      break;
    }
    return refusal;
  }

  const std::vector<Attribute>& attributes_;
  const Data& data_;
  const DraftOrigin& origin_;
  std::string event_;  // JSON of ours, not closed
  std::string type_;   // ours
  std::optional<CdEvent> cd_event_;
  bool is_ours_ = false;
  bool uses_subject_ = false;
};

// What a member of a structured event is: an attribute, or its data.
struct StructuredEvent {
  std::vector<Attribute> attributes;
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

tl::expected<Data, Refusal> DataOf(const StructuredEvent& event) {
  if (event.data != nullptr && event.data_base64 != nullptr) {
    return tl::unexpected(
        Invalid("data_base64", "'data' and 'data_base64' are given both; send only one"));
  }
  if (event.data != nullptr) return Data{Data::Kind::kJson, *event.data, {}};
  if (event.data_base64 == nullptr) return Data();
  std::optional<std::string> bytes;
  if (event.data_base64->kind == JsonMember::Kind::kText) {
    bytes = DecodeBase64(event.data_base64->text);
  }
  if (!bytes) {
    return tl::unexpected(Invalid("data_base64", "'data_base64' must be a string of base64"));
  }
  std::string_view content_type;
  for (const Attribute& attribute : event.attributes) {
    if (attribute.name == "datacontenttype") content_type = attribute.text;
  }
  return DataOf(std::move(*bytes), content_type);
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
  return EqualsIgnoringCase(name.substr(0, kFieldPrefix.size()), kFieldPrefix);
}

tl::expected<std::vector<Attribute>, Refusal> AttributesOf(HeadFields fields) {
  std::vector<Attribute> attributes;
  for (const auto& [field, value] : fields) {
    if (!IsAttributeField(field)) continue;
    const std::string name = LowerCase(field.substr(kFieldPrefix.size()));
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
  return Translation(event.attributes, *data, origin).Run();
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
  for (const Attribute& attribute : *attributes) {
    if (attribute.name != "datacontenttype") continue;
    return tl::unexpected(Invalid("ce-datacontenttype",
                                  "the type of the data is that of the body, in 'Content-Type'"));
  }
  Data data = DataOf(std::string(body), content_type);
  if (data.kind == Data::Kind::kBytes && IsJsonType(content_type)) {
    const auto why = ReadJsonObject(Wrapped(body), kMaxJsonDepth);
    return tl::unexpected(why ? Refusal{.code = "malformed_json", .detail = "the body is not JSON"}
                              : why.error());
  }
  if (data.kind == Data::Kind::kBytes && !content_type.empty()) {
    attributes->push_back({"datacontenttype", std::string(content_type),
                           JsonString(QuotableText(content_type, 256))});
  }
  auto draft = Translation(*attributes, data, origin).Run();
  if (!draft) return tl::unexpected(std::move(draft.error()));
  return OneDraft(std::move(*draft));
}

}  // namespace stagelog
