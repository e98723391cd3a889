#include "core/dialect/cloud_event_encoder.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/dialect/cd_event.h"
#include "core/dialect/cloud_event_subject.h"
#include "core/dialect/cloud_event_type.h"
#include "core/event.h"
#include "core/event_codec.h"
#include "core/json_text.h"
#include "core/vocabulary.h"

namespace stagelog {
namespace {

// As many digits as the largest seq has, so that texts are in the order of the numbers.
constexpr size_t kSequenceDigits = 19;

std::string Quoted(std::string_view escaped) { return "\"" + std::string(escaped) + "\""; }

std::string Sequence(int64_t seq) {
  const std::string digits = std::to_string(seq);
  return std::string(kSequenceDigits - std::min(kSequenceDigits, digits.size()), '0') + digits;
}

// Empty where there is none.
std::string_view ValueOf(std::string_view object, std::string_view key) {
  if (object.empty()) return {};
  for (JsonMembers members(object); members.Next();) {
    if (members.key() == key) return members.value();
  }
  return {};
}

bool HasKey(std::string_view object, std::string_view key) { return !ValueOf(object, key).empty(); }

// One object could not say which of the two a member is of.
bool StandsApart(const EventView& view) {
  return view.payload == "{}" || HasKey(view.payload, "message");
}

// The message and the members of the payload in one object; apart where that would be ambiguous.
std::string DataOf(const EventView& view) {
  std::string data;
  if (!view.message.empty()) AppendJsonMember(data, "message", Quoted(view.message));
  if (!view.payload.empty()) {
    if (StandsApart(view)) {
      AppendJsonMember(data, "payload", view.payload);
    } else {
      data += data.empty() ? "{" : ",";
      data += view.payload.substr(1, view.payload.size() - 2);
    }
  }
  return data.empty() ? data : data + "}";
}

// What was sent instead of the status that the type implies.
std::string_view OwnStatus(const EventView& view) {
  const TypeTraits* traits = FindType(view.type);
  return traits != nullptr && view.status == traits->status ? std::string_view() : view.status;
}

// A CloudEvent of one of our events, whose type, subject and data may be another's.
struct Envelope {
  std::string type;
  std::string subject;
  std::string data;
  bool is_apart = false;            // message and payload stand apart in the data
  bool is_subject_unclear = false;  // it reads as something else
};

std::string SourceOf(const EventView& view, std::string_view journal_id) {
  return "/" + std::string(journal_id) + "/jobs/" + std::string(view.job_id);
}

Envelope OwnEnvelope(const EventView& view) {
  CloudEventSubject subject{.stage = std::string(view.stage), .gate = std::string(view.gate)};
  if (view.attempt > 0) subject.attempt = view.attempt;
  Envelope envelope{.type = CloudEventTypeOf(view.type),
                    .subject = SubjectOf(subject),
                    .data = DataOf(view),
                    .is_apart = StandsApart(view)};
  const std::optional<CloudEventSubject> read = ReadSubject(envelope.subject);
  envelope.is_subject_unclear = !read || read->stage != subject.stage ||
                                read->gate != subject.gate || read->attempt != subject.attempt;
  return envelope;
}

std::string Encode(const EventView& view, std::string_view journal_id, const Envelope& envelope) {
  std::string event;
  const auto add = [&event](std::string_view name, std::string_view escaped) {
    if (!escaped.empty()) AppendJsonMember(event, name, Quoted(escaped));
  };
  add("specversion", "1.0");
  add("id", view.event_id);
  add("source", SourceOf(view, journal_id));
  add("type", envelope.type);
  add("subject", envelope.subject);
  add("time", view.occurred_at);
  add("sequence", Sequence(view.seq));
  add("recordedtime", view.ts);
  add("severitytext", view.level);
  add("partitionkey", view.job_id);
  if (!view.actor.empty()) {
    add("authtype", view.actor == kOwnActor ? "system" : "api_key");
    add("authid", view.actor);
  }
  add("status", OwnStatus(view));
  if (envelope.is_apart) add("datashape", "split");
  if (envelope.is_subject_unclear) {
    add("stage", view.stage);
    add("gate", view.gate);
    if (view.attempt > 0) add("attempt", std::to_string(view.attempt));
  }
  if (!envelope.data.empty()) {
    add("datacontenttype", "application/json");
    AppendJsonMember(event, "data", envelope.data);
  }
  return event + "}";
}

// --- CDEvents

constexpr std::string_view kCdEventsVersion = "0.6.0-draft";

// What a CDEvent says of its subject.
struct CdEquivalent {
  std::string_view type;
  std::string id;
  std::string content;  // an object
};

void AddText(std::string& object, std::string_view key, std::string_view escaped) {
  if (!escaped.empty()) AppendJsonMember(object, key, Quoted(escaped));
}

CdEquivalent PipelineRun(const EventView& view, std::string_view type, std::string_view outcome) {
  std::string content;
  const std::string_view pipeline = ValueOf(view.payload, "pipeline");
  const bool is_named = pipeline.starts_with('"') && pipeline.size() > 2;
  AppendJsonMember(content, "pipelineName", is_named ? std::string(pipeline) : Quoted(view.job_id));
  AddText(content, "uri", "urn:stagelog:job:" + std::string(view.job_id));
  AddText(content, "outcome", outcome);
  if (outcome == "failure") AddText(content, "errors", view.message);
  return {type, std::string(view.job_id), content + "}"};
}

CdEquivalent TaskRun(const EventView& view, std::string_view type, std::string_view outcome) {
  std::string run;
  AddText(run, "id", view.job_id);
  std::string content;
  AddText(content, "taskName", view.stage);
  AppendJsonMember(content, "pipelineRun", run + "}");
  AddText(content, "outcome", outcome);
  if (outcome == "failure") AddText(content, "errors", view.message);
  std::string id = std::string(view.job_id) + "/" + std::string(view.stage);
  if (view.attempt > 0) id += "/" + std::to_string(view.attempt);
  return {type, std::move(id), content + "}"};
}

std::string ApprovalId(const EventView& view) {
  return std::string(view.job_id) + "/" + std::string(view.gate);
}

constexpr std::string_view kUpdated = "dev.cdevents.approval.updated.0.1.0";

// An object that is not closed.
std::string ApprovalUrls(const EventView& view) {
  const std::string job = "/api/v1/jobs/" + std::string(view.job_id);
  std::string content;
  AddText(content, "approvalDetailsUrl", job + "/gates/" + std::string(view.gate));
  AddText(content, "resourceTargetUrl", job);
  return content;
}

CdEquivalent Approval(const EventView& view, std::string_view type, std::string_view status) {
  std::string content = ApprovalUrls(view);
  const std::string actor = "urn:stagelog:token:" + std::string(view.actor);
  AddText(content, status.empty() ? "requestor" : "responder", actor);
  // Nobody has decided what has expired.
  if (!status.empty()) AddText(content, "decision", status == "expired" ? "deferred" : status);
  AddText(content, "status", status);
  return {type, ApprovalId(view), content + "}"};
}

// Of one that came in as a CDEvent: what it said is in its payload.
std::optional<CdEquivalent> UpdatedApproval(const EventView& view) {
  static constexpr std::array<std::string_view, 6> kDecisions = {
      "\"escalated\"",      "\"delegate\"", "\"deferred\"",
      "\"requestChanges\"", "\"approved\"", "\"rejected\""};
  std::string_view said = view.payload;
  for (const std::string_view key : {"x-cdevent", "subject", "content"}) {
    said = ValueOf(said, key);
    if (!said.starts_with('{')) return std::nullopt;
  }
  const std::string_view responder = ValueOf(said, "responder");
  const std::string_view decision = ValueOf(said, "decision");
  const bool is_known =
      std::find(kDecisions.begin(), kDecisions.end(), decision) != kDecisions.end();
  if (view.gate.empty() || !is_known || !responder.starts_with('"') || responder.size() < 3) {
    return std::nullopt;
  }
  CdEquivalent updated{kUpdated, ApprovalId(view), ApprovalUrls(view)};
  AppendJsonMember(updated.content, "responder", responder);
  AppendJsonMember(updated.content, "decision", decision);
  updated.content += '}';
  return updated;
}

CdEquivalent PartialApproval(const EventView& view) {
  CdEquivalent updated{kUpdated, ApprovalId(view), ApprovalUrls(view)};
  AddText(updated.content, "responder", "urn:stagelog:token:" + std::string(view.actor));
  AddText(updated.content, "decision", "approved");
  updated.content += '}';
  return updated;
}

std::optional<CdEquivalent> EquivalentOf(const EventView& view) {
  static constexpr std::string_view kQueued = "dev.cdevents.pipelinerun.queued.0.3.0";
  static constexpr std::string_view kStarted = "dev.cdevents.pipelinerun.started.0.3.0";
  static constexpr std::string_view kFinished = "dev.cdevents.pipelinerun.finished.0.3.0";
  static constexpr std::string_view kTaskStarted = "dev.cdevents.taskrun.started.0.3.0";
  static constexpr std::string_view kTaskFinished = "dev.cdevents.taskrun.finished.0.3.0";
  static constexpr std::string_view kCreated = "dev.cdevents.approval.created.0.1.0";
  static constexpr std::string_view kClosed = "dev.cdevents.approval.closed.0.1.0";
  const TypeTraits* traits = FindType(view.type);
  switch (traits == nullptr ? EventType::kCustom : traits->type) {
    case EventType::kJobCreated:
      return PipelineRun(view, kQueued, "");
    case EventType::kJobStarted:
    case EventType::kJobResumed:
      return PipelineRun(view, kStarted, "");
    case EventType::kJobCompleted:
      return PipelineRun(view, kFinished, "success");
    case EventType::kJobFailed:
      return PipelineRun(view, kFinished, "failure");
    case EventType::kJobCanceled:
      return PipelineRun(view, kFinished, "cancel");
    case EventType::kStageStarted:
      return TaskRun(view, kTaskStarted, "");
    case EventType::kStageCompleted:
      return TaskRun(view, kTaskFinished, "success");
    case EventType::kStageFailed:
      return TaskRun(view, kTaskFinished, "failure");
    case EventType::kGatePause:
      return Approval(view, kCreated, "");
    case EventType::kGateApproved:
      if (!PartialApprovalText(view).empty()) return PartialApproval(view);
      return Approval(view, kClosed, "approved");
    case EventType::kGateAutoApproved:
      return Approval(view, kClosed, "approved");
    case EventType::kGateRejected:
      return Approval(view, kClosed, "rejected");
    case EventType::kGateExpired:
      return Approval(view, kClosed, "expired");
    default:
      if (view.type == kApprovalUpdatedType) return UpdatedApproval(view);
      return std::nullopt;
  }
}

}  // namespace

std::string EncodeCloudEvent(std::string_view body, std::string_view journal_id) {
  const EventView view = ViewEvent(body);
  return Encode(view, journal_id, OwnEnvelope(view));
}

std::string EncodeCdEvent(std::string_view body, std::string_view journal_id) {
  const EventView view = ViewEvent(body);
  const std::optional<CdEquivalent> equivalent = EquivalentOf(view);
  if (!equivalent) return Encode(view, journal_id, OwnEnvelope(view));
  std::string context;
  AddText(context, "specversion", kCdEventsVersion);
  AddText(context, "id", view.event_id);
  AddText(context, "source", SourceOf(view, journal_id));
  AddText(context, "type", equivalent->type);
  AddText(context, "timestamp", view.occurred_at);
  std::string subject;
  AddText(subject, "id", equivalent->id);
  AppendJsonMember(subject, "content", equivalent->content);
  Envelope envelope{.type = std::string(equivalent->type), .subject = equivalent->id, .data = {}};
  AppendJsonMember(envelope.data, "context", context + "}");
  AppendJsonMember(envelope.data, "subject", subject + "}");
  // What CDEvents have no place for.
  std::string custom = DataOf(view);
  if (!custom.empty()) AppendJsonMember(envelope.data, "customData", custom);
  envelope.data += '}';
  return Encode(view, journal_id, envelope);
}

}  // namespace stagelog
