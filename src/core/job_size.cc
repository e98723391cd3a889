#include "core/job_size.h"

#include <algorithm>

#include "core/payload.h"

namespace stagelog {
namespace {

bool IsOfStage(EventType kind) {
  return kind == EventType::kStageStarted || kind == EventType::kStageProgress ||
         kind == EventType::kStageCompleted || kind == EventType::kStageFailed;
}

// Places in the tree that a path needs, the job's own aside.
size_t LevelsOf(std::string_view path) {
  return 1 + static_cast<size_t>(std::count(path.begin(), path.end(), '/'));
}

Refusal TooLarge(const EventDraft& draft, const std::string& has, const char* field,
                 const char* instead) {
  return {.code = "job_too_large",
          .detail = "job '" + draft.job_id + "' has " + has + ", and one job may have no more; " +
                    instead,
          .field = field};
}

}  // namespace

size_t BytesOf(const StageState& stage) {
  return sizeof(StageState) + stage.path.size() + stage.message.size() + stage.progress.unit.size();
}

size_t BytesOf(const GateState& gate) {
  size_t bytes = sizeof(GateState) + gate.name.size() + gate.prompt.size() + gate.options.size() +
                 gate.decided_by.size() + gate.comment.size() + gate.choice.size();
  bytes += gate.opened_by.size() + gate.fields.size() + gate.answers.size();
  for (const std::string& approver : gate.approvers) bytes += sizeof(approver) + approver.size();
  for (const GateApproval& approval : gate.approvals) {
    bytes += sizeof(approval) + approval.actor.size() + approval.comment.size();
  }
  return bytes;
}

size_t BytesOf(const JobState& state) {
  size_t bytes = sizeof(JobState) + state.reason.size() + state.pipeline.size() +
                 state.tree.size() * kBytesOfPlace;
  for (const std::string& path : state.declared_stages) bytes += sizeof(path) + path.size();
  for (const StageState& stage : state.stages) bytes += BytesOf(stage);
  for (const GateState& gate : state.gates) bytes += BytesOf(gate);
  return bytes;
}

bool IsWellBelowLimits(const JobState* job, std::span<const EventDraft> drafts) {
  size_t attempts = job == nullptr ? 0 : job->stages.size();
  size_t iterations = job == nullptr ? 0 : job->gates.size();
  size_t places = job == nullptr ? 0 : job->tree.size();
  for (const EventDraft& draft : drafts) {
    if (IsOfStage(draft.kind)) {
      ++attempts;
      places += LevelsOf(draft.stage);
    }
    if (draft.kind == EventType::kGatePause) ++iterations;
    // Each takes three bytes of the payload at least, and has a level for every two.
    if (draft.kind == EventType::kJobCreated) places += draft.payload.size() / 2;
  }
  return attempts <= kMaxStageAttempts && iterations <= kMaxGateIterations &&
         places <= kMaxStagePlaces;
}

JobSizeChecker::JobSizeChecker(const JobState* job)
    : job_(job),
      is_new_(job == nullptr || job->job_seq == 0),
      is_over_(job != nullptr && job->IsTerminal()),
      attempts_(job == nullptr ? 0 : job->stages.size()),
      iterations_(job == nullptr ? 0 : job->gates.size()),
      places_(job == nullptr ? 0 : job->tree.size()) {}

std::optional<Refusal> JobSizeChecker::Take(const EventDraft& draft) {
  std::optional<Refusal> refusal;
  switch (draft.kind) {
    case EventType::kJobCreated:
      if (is_new_) refusal = Declare(draft);
      break;
    case EventType::kJobResumed:
      is_over_ = false;
      break;
    case EventType::kJobCompleted:
    case EventType::kJobFailed:
    case EventType::kJobCanceled:
      is_over_ = true;
      break;
    case EventType::kGatePause:
      if (!is_over_) refusal = OpenIteration(draft);
      break;
    case EventType::kGateApproved:
    case EventType::kGateRejected:
    case EventType::kGateAutoApproved:
    case EventType::kGateExpired:
      gates_[draft.gate] = false;
      break;
    default:
      if (IsOfStage(draft.kind) && !is_over_) refusal = OpenAttempt(draft);
      break;
  }
  is_new_ = false;
  return refusal;
}

std::optional<Refusal> JobSizeChecker::Declare(const EventDraft& draft) {
  for (const std::string& path : ReadJobPayload(draft.payload).stages) places_ += LevelsOf(path);
  if (places_ <= kMaxStagePlaces) return std::nullopt;
  return TooLarge(draft, std::to_string(places_) + " declared stages, including parents",
                  "payload.stages", "declare only the upper levels");
}

// As the state machine does (job_machine.cc): a new attempt begins where none runs, but what comes
// after the end of one is flagged.
bool JobSizeChecker::OpensAttempt(const EventDraft& draft) {
  const auto here = stages_.find(draft.stage);
  if (here != stages_.end()) {
    return !here->second && (draft.kind == EventType::kStageStarted || draft.attempt);
  }
  const StageState* last = job_ == nullptr ? nullptr : job_->FindStage(draft.stage);
  if (last == nullptr) return true;
  if (last->status == StageStatus::kRunning) return false;
  if (draft.attempt) return *draft.attempt > last->attempt;
  return draft.kind == EventType::kStageStarted || last->status == StageStatus::kAbandoned;
}

std::optional<Refusal> JobSizeChecker::OpenAttempt(const EventDraft& draft) {
  const bool opens = OpensAttempt(draft);
  const bool ends =
      draft.kind == EventType::kStageCompleted || draft.kind == EventType::kStageFailed;
  const bool is_first_here = !stages_.contains(draft.stage);
  stages_[draft.stage] = !ends;
  if (!opens) return std::nullopt;
  const bool is_known = job_ != nullptr && job_->FindStage(draft.stage) != nullptr;
  const size_t levels = is_first_here && !is_known ? LevelsOf(draft.stage) : 0;
  if (attempts_ >= kMaxStageAttempts) {
    return TooLarge(draft, std::to_string(attempts_) + " stage attempts", "stage",
                    "report repeated work as stage_progress or log, or start another job");
  }
  if (places_ + levels > kMaxStagePlaces) {
    return TooLarge(draft, std::to_string(places_) + " stages, including parents", "stage",
                    "use fewer levels, or start another job");
  }
  ++attempts_;
  places_ += levels;
  return std::nullopt;
}

std::optional<Refusal> JobSizeChecker::OpenIteration(const EventDraft& draft) {
  const auto here = gates_.find(draft.gate);
  const GateState* last = job_ == nullptr ? nullptr : job_->FindGate(draft.gate);
  const bool is_pending =
      here != gates_.end() ? here->second : last != nullptr && last->status == GateStatus::kPending;
  gates_[draft.gate] = true;
  if (is_pending) return std::nullopt;
  if (iterations_ >= kMaxGateIterations) {
    return TooLarge(draft, std::to_string(iterations_) + " gate iterations", "gate",
                    "start another job");
  }
  ++iterations_;
  return std::nullopt;
}

}  // namespace stagelog
