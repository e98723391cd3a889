#include "core/dialect/cloud_event_translation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/name_uuid.h"
#include "base/random.h"
#include "base/timestamp.h"
#include "core/dialect/cd_event.h"
#include "core/dialect/cloud_event_subject.h"
#include "core/dialect/cloud_event_type.h"
#include "core/identifier.h"
#include "core/json_text.h"
#include "core/level_words.h"

namespace stagelog {
namespace {

constexpr std::string_view kSpecVersion = "1.0";
// What our own CloudEvents say beside the event's own attributes.
constexpr std::array<std::string_view, 10> kOwnExtensions = {
    "sequence", "recordedtime", "partitionkey", "authid", "authtype",
    "status",   "datashape",    "stage",        "gate",   "attempt"};

// Makes the draft of an event whose attributes have been read.
class Translation {
 public:
  Translation(const std::vector<CloudEventAttribute>& attributes, const CloudEventData& data,
              const DraftOrigin& origin)
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
      content = is_ours_ && !Text("datashape").empty() ? SplitData(data_) : LiftData(data_);
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
    for (const CloudEventAttribute& attribute : attributes_) {
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
      return Refusal{.code = "invalid_field",
                     .detail = "CloudEvents of version 1.0 are read, not of '" +
                               QuotableText(Text("specversion"), 40) + "'",
                     .field = "specversion"};
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
    if (!foreign.empty()) AppendJsonMember(payload, kForeignAttributesKey, foreign + "}");
    AppendJsonMember(event_, "payload", payload + "}");
  }

  void AddContent(LiftedData content) {
    AddText("message", content.message);
    const std::string foreign = Foreign();
    if (!foreign.empty()) {
      if (content
              .has_foreign_attributes) {  // the data has a member of that name: it stays together
        content.payload.clear();
        AppendJsonMember(content.payload, "data", data_.json.raw);
      }
      AppendJsonMember(content.payload, kForeignAttributesKey, foreign + "}");
    }
    if (!content.payload.empty()) AppendJsonMember(event_, "payload", content.payload + "}");
  }

  // What the event says beyond what ours has a place for, as an object that is not closed.
  std::string Foreign() const {
    std::string object;
    for (const CloudEventAttribute& attribute : attributes_) {
      if (IsForeign(attribute)) AppendJsonMember(object, attribute.name, attribute.json);
    }
    return object;
  }

  bool IsForeign(const CloudEventAttribute& attribute) const {
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

  const std::vector<CloudEventAttribute>& attributes_;
  const CloudEventData& data_;
  const DraftOrigin& origin_;
  std::string event_;  // JSON of ours, not closed
  std::string type_;   // ours
  std::optional<CdEvent> cd_event_;
  bool is_ours_ = false;
  bool uses_subject_ = false;
};

}  // namespace

tl::expected<EventDraft, Refusal> TranslateCloudEvent(
    const std::vector<CloudEventAttribute>& attributes, const CloudEventData& data,
    const DraftOrigin& origin) {
  return Translation(attributes, data, origin).Run();
}

}  // namespace stagelog
