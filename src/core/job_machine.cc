// What is legal. What an event changes is in job_fold.cc.
#include "core/job_machine.h"

#include <algorithm>
#include <array>

#include "core/gate_rules.h"
#include "core/payload.h"
#include "core/payload_keys.h"

namespace stagelog {
namespace {

constexpr std::array<ViolationTraits, 25> kViolations = {{
    {"implicit_create",
     "the job's first event is not `job_created`; only written by earlier versions, not a "
     "violation",
     true},
    {"already_created", "`job_created` for a job that exists"},
    {"already_started", "`job_started` for a job that is running or paused"},
    {"job_over", "the job is completed, failed or canceled"},
    {"resume_completed",
     "`job_resumed` for a completed job; only in journals of versions that did not accept it"},
    {"not_paused", "`job_resumed` without `new_epoch` for a job that is neither paused nor ended"},
    {"gate_pending", "`job_resumed` without `new_epoch` while a gate is pending"},
    {"duplicate_start", "`stage_started` for a stage that is running"},
    {"end_without_start", "end of a stage that was not started; an attempt is opened and closed",
     true},
    {"progress_without_start", "progress of a stage that was not started; an attempt is opened",
     true},
    {"stage_over", "progress or end of a stage whose last attempt has ended"},
    {"attempt_mismatch", "`attempt` is not the running attempt, or not greater than the last one"},
    {"invalid_progress",
     "`current`, `total` or `percent` is not a number or out of range, `current` is greater than "
     "`total`, `unit` is not a string, or a key is duplicated"},
    {"suspect_key",
     "a payload key looks like a misspelling of a known key that is missing (`totl` for `total`), "
     "or a stored `gate_pause` that is sent again breaks today's rules; what is wrong is ignored",
     true},
    {"gate_already_pending", "`gate_pause` for a gate that is already pending"},
    {"gate_unknown", "a decision on a gate that was never opened"},
    {"gate_decided", "a decision on a gate that is already decided; the first decision stands"},
    {"choice_unknown", "a decision whose `choice` is not one of the gate's `options`"},
    {"choice_required", "`gate_approved` without a `choice` for a gate that offers `options`"},
    {"already_approved",
     "a second approval by the same actor for a gate that requires several approvals"},
    {"answer_required", "`gate_approved` without an answer to a field that the gate requires"},
    {"answer_invalid",
     "a decision with an answer to a field that the gate does not ask, or one that breaks the "
     "field's rules"},
    {"answers_differ",
     "a further approval whose `choice` or `answers` are not those of the first approval"},
    {"self_decision", "a decision by who opened the gate, which has `allow_self` false"},
    {"timer_only",
     "`gate_auto_approved` by other than the timer for a gate with `required` or with `allow_self` "
     "false"},
}};

const ViolationTraits* FindViolation(std::string_view code) {
  const auto found = std::find_if(kViolations.begin(), kViolations.end(),
                                  [&](const ViolationTraits& row) { return row.code == code; });
  return found == kViolations.end() ? nullptr : &*found;
}

// `total` may have come with an earlier report of the attempt.
bool IsSoundProgress(const StageState* running, const EventDraft& draft) {
  const ProgressPayload progress = ReadProgressPayload(draft.payload);
  if (!progress.is_valid) return false;
  std::optional<double> total = progress.total;
  if (!total && running != nullptr) total = running->progress.total;
  return !progress.current || !total || *progress.current <= *total;
}

std::string_view JobEventViolation(const JobState& state, const EventDraft& draft) {
  switch (draft.kind) {
    case EventType::kJobCreated:
      return "already_created";
    case EventType::kJobStarted:
      return state.status == JobStatus::kCreated ? "" : "already_started";
    case EventType::kJobResumed:
      if (state.job_seq > 0 && ReadResumePayload(draft.payload).new_epoch) return "";
      if (state.status == JobStatus::kPaused) return state.PendingGate() ? "gate_pending" : "";
      return state.may_resume_again ? "" : "not_paused";
    default:
      return "";
  }
}

// For a stage without an attempt, or whose attempts were all ended before `attempt`.
std::string_view JudgeUnstarted(EventType type) {
  if (type == EventType::kStageStarted) return "";
  return type == EventType::kStageProgress ? "progress_without_start" : "end_without_start";
}

std::string_view StageEventViolation(const JobState& state, const EventDraft& draft) {
  const StageState* last = state.FindStage(draft.stage);
  const bool runs = last != nullptr && last->status == StageStatus::kRunning;
  if (draft.kind == EventType::kStageProgress && !IsSoundProgress(runs ? last : nullptr, draft)) {
    return "invalid_progress";
  }
  if (runs && draft.kind == EventType::kStageStarted) return "duplicate_start";
  if (runs) return draft.attempt.value_or(last->attempt) == last->attempt ? "" : "attempt_mismatch";
  if (last == nullptr) return JudgeUnstarted(draft.kind);
  if (draft.attempt && *draft.attempt > last->attempt) return JudgeUnstarted(draft.kind);
  if (draft.kind == EventType::kStageStarted) return draft.attempt ? "attempt_mismatch" : "";
  // Nobody has ended an abandoned attempt: what still comes of it after a resumption is news.
  const bool is_news = last->status == StageStatus::kAbandoned && !draft.attempt;
  return is_news ? JudgeUnstarted(draft.kind) : "stage_over";
}

std::string_view GateEventViolation(const JobState& state, const EventDraft& draft) {
  const GateState* last = state.FindGate(draft.gate);
  const bool is_pending = last != nullptr && last->status == GateStatus::kPending;
  if (draft.kind == EventType::kGatePause) return is_pending ? "gate_already_pending" : "";
  if (last == nullptr) return "gate_unknown";
  if (!is_pending) return "gate_decided";
  const auto broken =
      FindBrokenRule(*last, draft.kind, ReadDecisionPayload(draft.payload), draft.actor);
  return broken ? broken->violation : "";
}

std::string_view ViolationAfterEnd(EventType type) {
  if (type == EventType::kJobCreated) return "already_created";
  return type == EventType::kJobResumed ? "" : "job_over";
}

std::string_view JudgeByKind(const JobState& state, const EventDraft& draft) {
  switch (draft.kind) {
    case EventType::kLog:
    case EventType::kCustom:
    case EventType::kHeartbeat:
      return "";
    case EventType::kStageStarted:
    case EventType::kStageProgress:
    case EventType::kStageCompleted:
    case EventType::kStageFailed:
      return state.IsTerminal() ? "job_over" : StageEventViolation(state, draft);
    case EventType::kGatePause:
    case EventType::kGateApproved:
    case EventType::kGateRejected:
    case EventType::kGateAutoApproved:
    case EventType::kGateExpired:
      return state.IsTerminal() ? "job_over" : GateEventViolation(state, draft);
    default:
      return state.IsTerminal() ? ViolationAfterEnd(draft.kind) : JobEventViolation(state, draft);
  }
}

}  // namespace

std::span<const ViolationTraits> AllViolations() { return kViolations; }

bool ViolationCounts(std::string_view code) {
  const ViolationTraits* row = FindViolation(code);
  return row != nullptr && row->counts;
}

std::string_view ViolationMeaning(std::string_view code) {
  const ViolationTraits* row = FindViolation(code);
  return row == nullptr ? "" : row->meaning;
}

bool IsViolation(std::string_view code) { return code != "implicit_create"; }

std::vector<std::string> Judge(const JobState& state, const EventDraft& draft) {
  const bool creates = state.job_seq == 0 && draft.kind == EventType::kJobCreated;
  const std::string_view code = creates ? "" : JudgeByKind(state, draft);
  if (!code.empty()) return {std::string(code)};
  if (FindSuspectKey(draft.kind, draft.payload)) return {"suspect_key"};
  // A line that was stored before is not refused. It must not look as if its rules held.
  const bool opens = draft.kind == EventType::kGatePause;
  if (opens && CheckEventPayload(draft.kind, draft.payload)) return {"suspect_key"};
  return {};
}

void JudgeEvent(const JobState& state, Event& event) {
  event.violations = Judge(state, event.draft);
  event.approval_count = event.approvals_required = 0;
  const bool counts = event.draft.kind == EventType::kGateApproved && event.violations.empty();
  const GateState* gate = counts ? state.FindGate(event.draft.gate) : nullptr;
  if (gate == nullptr || gate->required < 2) return;
  event.approval_count = static_cast<int64_t>(gate->approvals.size()) + 1;
  event.approvals_required = gate->required;
}

}  // namespace stagelog
