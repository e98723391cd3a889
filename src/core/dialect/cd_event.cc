#include "core/dialect/cd_event.h"

#include <array>
#include <vector>

#include "base/text.h"
#include "core/dialect/cloud_event_subject.h"
#include "core/dialect/member_lookup.h"
#include "core/draft_decoder.h"
#include "core/identifier.h"
#include "core/json_text.h"

namespace stagelog {
namespace {

// "pipelinerun.finished" of "dev.cdevents.pipelinerun.finished.0.3.0".
std::string_view KindOf(std::string_view type) {
  type.remove_prefix(kCdEventPrefix.size());
  const size_t subject = type.find('.');
  return subject == std::string_view::npos ? type : type.substr(0, type.find('.', subject + 1));
}

Refusal Wrong(const char* field, std::string detail) {
  return {.code = "invalid_field", .detail = std::move(detail), .field = field};
}

enum class Outcome { kSuccess, kFailure, kCancel };

tl::expected<Outcome, Refusal> OutcomeOf(const MemberLookup& content) {
  const JsonMember* member = content.Find("outcome");
  // It may be left out: what has errors has failed.
  if (member == nullptr) {
    return content.Text("errors").empty() ? Outcome::kSuccess : Outcome::kFailure;
  }
  const std::string outcome = member->kind == JsonMember::Kind::kText ? member->text : member->raw;
  if (outcome == "success") return Outcome::kSuccess;
  if (outcome == "failure" || outcome == "error") return Outcome::kFailure;
  if (outcome == "cancel") return Outcome::kCancel;
  return tl::unexpected(Wrong("data.subject.content.outcome",
                              "'outcome' must be success, failure, error or cancel, not '" +
                                  QuotableText(outcome, 80) + "'"));
}

// The reader of one event, by its kind.
class CdEventReader {
 public:
  CdEventReader(std::string id, const MemberLookup& content)
      : id_(std::move(id)), content_(content) {}

  std::optional<Refusal> Read(std::string_view kind, CdEvent& event) const {
    if (kind.starts_with("pipelinerun.")) return ReadPipelineRun(kind, event);
    if (kind.starts_with("taskrun.")) return ReadTaskRun(kind, event);
    return ReadApproval(kind, event);
  }

 private:
  std::optional<Refusal> ReadPipelineRun(std::string_view kind, CdEvent& event) const {
    event.job = JobOfSource(id_);
    if (kind.ends_with(".queued")) {
      event.type = "job_created";
      event.pipeline = content_.Text("pipelineName");
    } else if (kind.ends_with(".started")) {
      event.type = "job_started";
    } else {
      const auto outcome = OutcomeOf(content_);
      if (!outcome) return outcome.error();
      event.type = *outcome == Outcome::kSuccess   ? "job_completed"
                   : *outcome == Outcome::kFailure ? "job_failed"
                                                   : "job_canceled";
      event.message = content_.Text("errors");
    }
    return std::nullopt;
  }

  std::optional<Refusal> ReadTaskRun(std::string_view kind, CdEvent& event) const {
    event.job = JobOfSource(content_.In("pipelineRun").Text("id"));
    const std::string task = content_.Text("taskName");
    const bool is_text = content_.Find("taskName") == nullptr || !task.empty();
    event.stage = IsStagePath(task) || !is_text ? task : JobOfSource(id_);
    if (!IsStagePath(event.stage)) {
      return Wrong("data.subject",
                   "neither 'taskName' nor the last part of the subject's 'id' "
                   "can be the name of a stage");
    }
    if (kind.ends_with(".started")) {
      event.type = "stage_started";
      return std::nullopt;
    }
    const auto outcome = OutcomeOf(content_);
    if (!outcome) return outcome.error();
    event.type = *outcome == Outcome::kSuccess ? "stage_completed" : "stage_failed";
    if (*outcome == Outcome::kCancel) event.status = "canceled";
    event.message = content_.Text("errors");
    return std::nullopt;
  }

  std::optional<Refusal> ReadApproval(std::string_view kind, CdEvent& event) const {
    event.gate = JobOfSource(id_);
    if (!IsName(event.gate)) {
      return Wrong("data.subject.id",
                   "the last part of the subject's 'id' names the gate; it must "
                   "be " +
                       std::string(kNameRule));
    }
    if (kind.ends_with(".created")) {
      event.type = "gate_pause";
      event.message = "approval requested by " + content_.Text("requestor");
    } else if (kind.ends_with(".updated")) {
      // Somebody has said something; whether the gate may be passed is not decided yet.
      event.type = kApprovalUpdatedType;
      event.message = content_.Text("decision") + " by " + content_.Text("responder");
    } else {
      const std::string status = content_.Text("status");
      static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes = {{
          {"approved", "gate_approved"},
          {"rejected", "gate_rejected"},
          {"cancelled", "gate_rejected"},
          {"expired", "gate_expired"},
      }};
      for (const auto& [theirs, ours] : kTypes) {
        if (status == theirs) event.type = ours;
      }
      if (event.type.empty()) {
        return Wrong("data.subject.content.status",
                     "'status' must be approved, rejected, cancelled or expired, not '" +
                         QuotableText(status, 80) + "'");
      }
      event.message = status + " by " + content_.Text("responder");
    }
    return std::nullopt;
  }

  const std::string id_;
  const MemberLookup& content_;
};

}  // namespace

tl::expected<std::optional<CdEvent>, Refusal> ReadCdEvent(std::string_view type,
                                                          const JsonMember& data) {
  static constexpr std::array<std::string_view, 8> kKinds = {
      "pipelinerun.queued", "pipelinerun.started", "pipelinerun.finished", "taskrun.started",
      "taskrun.finished",   "approval.created",    "approval.updated",     "approval.closed"};
  if (!type.starts_with(kCdEventPrefix)) return std::optional<CdEvent>();
  const std::string_view kind = KindOf(type);
  bool is_known = false;
  for (const std::string_view known : kKinds) is_known = is_known || kind == known;
  if (!is_known) return std::optional<CdEvent>();
  const MemberLookup event(&data);
  const MemberLookup subject = event.In("subject");
  const std::string id = subject.Text("id");
  if (id.empty()) {
    return tl::unexpected(Refusal{.code = "missing_field",
                                  .detail = "the data of a CDEvent has a 'subject' with an 'id'",
                                  .field = "data.subject.id"});
  }
  const MemberLookup content = subject.In("content");
  CdEvent read;
  if (auto refusal = CdEventReader(id, content).Read(kind, read)) {
    return tl::unexpected(std::move(*refusal));
  }
  return read;
}

}  // namespace stagelog
