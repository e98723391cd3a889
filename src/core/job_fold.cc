// What an event changes. What is legal is in job_machine.cc.
#include <algorithm>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/payload.h"

namespace stagelog {
namespace {

// Folds one event that counts. The state's counters are up to date.
class Fold {
 public:
  Fold(JobState& state, const Event& event, StateChanges* changes)
      : state_(state),
        event_(event),
        draft_(event.draft),
        now_(EffectiveMicros(event)),
        changes_(changes) {}

  void Run() {
    const bool is_remark = draft_.kind == EventType::kLog || draft_.kind == EventType::kCustom;
    if (is_remark) return;
    if (changes_ != nullptr) changes_->job = true;
    state_.created_at_micros = std::min(state_.created_at_micros, now_);
    if (draft_.kind != EventType::kJobResumed) state_.may_resume_again = false;
    switch (draft_.kind) {
      case EventType::kJobCreated:
        return Create();
      case EventType::kJobStarted:
        return Start();
      case EventType::kJobResumed:
        return Resume();
      case EventType::kJobCompleted:
        return End(JobStatus::kCompleted);
      case EventType::kJobFailed:
        return End(JobStatus::kFailed);
      case EventType::kJobCanceled:
        return End(JobStatus::kCanceled);
      case EventType::kStageStarted:
        return StartStage();
      case EventType::kStageProgress:
        return ReportProgress();
      case EventType::kStageCompleted:
        return EndStage(StageStatus::kCompleted);
      case EventType::kStageFailed:
        return EndStage(StageStatus::kFailed);
      case EventType::kGatePause:
        return OpenGate();
      case EventType::kGateApproved:
        return DecideGate(GateStatus::kApproved);
      case EventType::kGateAutoApproved:
        return DecideGate(GateStatus::kAutoApproved);
      case EventType::kGateRejected:
        return DecideGate(GateStatus::kRejected);
      case EventType::kGateExpired:
        return DecideGate(GateStatus::kExpired);
      case EventType::kLog:
      case EventType::kHeartbeat:
      case EventType::kCustom:
        return;
    }
  }

 private:
  // The time of a turn of the job. Emitters' clocks differ, and what was kept during an outage
  // comes late: none is before the one before it, so that what lies between two turns adds up.
  int64_t Turn() { return state_.turned_micros = std::max(state_.turned_micros, now_); }

  void Create() {
    JobPayload payload = ReadJobPayload(draft_.payload);
    state_.pipeline = std::move(payload.pipeline);
    state_.declared_stages = std::move(payload.stages);
    state_.strict = payload.strict;
    state_.labels = std::move(payload.labels);
    for (const std::string& path : state_.declared_stages) state_.tree.Declare(path);
  }

  void Start() {
    const int64_t at_micros = Turn();
    state_.status = JobStatus::kRunning;
    if (state_.started_at_micros == 0) state_.started_at_micros = at_micros;
  }

  void Resume() {
    state_.may_resume_again = false;
    if (state_.IsTerminal()) {
      ++state_.epoch;
      state_.stopped_micros += Turn() - state_.ended_at_micros;
      state_.ended_at_micros = 0;
    } else if (ReadResumePayload(draft_.payload).new_epoch) {
      BeginEpoch();
      if (state_.PendingGate() != nullptr) return;  // it holds the job as before
    }
    LeavePause();
    Start();
  }

  // The worker before this one is gone without a word: what it left running is nobody's.
  void BeginEpoch() {
    const int64_t at_micros = Turn();
    AbandonStages(at_micros);
    if (state_.started_at_micros != 0) ++state_.epoch;
    if (state_.PendingGate() == nullptr) return;
    if (state_.started_at_micros == 0) state_.started_at_micros = at_micros;
    state_.status_before_pause = JobStatus::kRunning;
    state_.blocking_gates.clear();
    state_.reason = PauseReason();
  }

  void AbandonStages(int64_t at_micros) {
    for (size_t i = 0; i < state_.stages.size(); ++i) {
      if (state_.stages[i].status != StageStatus::kRunning) continue;
      CloseStage(i, StageStatus::kAbandoned, at_micros);
    }
  }

  // Whatever still holds the job holds it no longer.
  void LeavePause() {
    if (state_.status == JobStatus::kPaused) {
      state_.waited_micros += Turn() - state_.paused_since_micros;
    }
    state_.paused_since_micros = 0;
    state_.blocking_gates.clear();
    state_.reason.clear();
  }

  void End(JobStatus status) {
    state_.turned_micros = std::max(state_.turned_micros, LatestOfParts());
    const int64_t at_micros = Turn();
    LeavePause();
    AbandonStages(at_micros);
    for (size_t i = 0; i < state_.gates.size(); ++i) {
      if (state_.gates[i].status != GateStatus::kPending) continue;
      CloseGate(i, GateStatus::kCanceled, at_micros);
    }
    state_.status = status;
    state_.reason = draft_.message;
    state_.ended_at_micros = at_micros;
  }

  // A job does not end before what happened in it.
  int64_t LatestOfParts() const {
    int64_t latest = state_.started_at_micros;
    for (const StageState& stage : state_.stages) {
      latest = std::max({latest, stage.started_micros, stage.ended_micros});
    }
    for (const GateState& gate : state_.gates) {
      latest = std::max({latest, gate.opened_micros, gate.decided_micros});
    }
    return latest;
  }

  // --- Stages ---

  void Changed(size_t index) {
    const StageState& stage = state_.stages[index];
    state_.tree.SetLastAttempt(stage.path, index);
    state_.tree.SetDone(stage.path, DoneOf(stage));
    if (changes_ != nullptr) changes_->stages.push_back(index);
  }

  void CloseStage(size_t index, StageStatus status, int64_t at_micros) {
    StageState& stage = state_.stages[index];
    stage.status = status;
    stage.ended_micros = std::max(at_micros, stage.started_micros);
    Changed(index);
  }

  static int64_t NextAttempt(const StageState* last) {
    if (last == nullptr) return 1;
    return last->attempt == INT64_MAX ? INT64_MAX : last->attempt + 1;
  }

  size_t OpenAttempt() {
    const StageState* last = state_.FindStage(draft_.stage);
    StageState stage;
    stage.path = draft_.stage;
    stage.attempt = draft_.attempt.value_or(NextAttempt(last));
    stage.epoch = state_.epoch;
    stage.started_micros = now_;
    state_.stages.push_back(std::move(stage));
    return state_.stages.size() - 1;
  }

  // The attempt that the event is about: the one that runs, or (where the event is flagged) a new
  // one.
  size_t RunningAttempt() {
    const std::optional<size_t> last = state_.tree.LastAttempt(draft_.stage);
    return last && state_.stages[*last].status == StageStatus::kRunning ? *last : OpenAttempt();
  }

  void StartStage() {
    const size_t index = OpenAttempt();
    state_.stages[index].message = draft_.message;
    Changed(index);
    if (state_.status == JobStatus::kCreated) Start();
    // A stage that starts while the first gate is still pending: the job runs once it may.
    if (state_.status == JobStatus::kPaused) state_.status_before_pause = JobStatus::kRunning;
    if (state_.started_at_micros == 0) state_.started_at_micros = now_;
  }

  void ReportProgress() {
    const size_t index = RunningAttempt();
    StageState& stage = state_.stages[index];
    if (!draft_.message.empty()) stage.message = draft_.message;
    Report(ReadProgressPayload(draft_.payload), stage.progress);
    Changed(index);
  }

  void Report(const ProgressPayload& payload, Progress& progress) const {
    // Figures are not percent: who changes from these to those begins anew.
    if (payload.current && !progress.current) progress.first_figure.reset();
    if (payload.current) progress.current = payload.current;
    if (payload.total) progress.total = payload.total;
    if (!payload.unit.empty()) progress.unit = payload.unit;
    if (payload.percent) {
      progress.percent = payload.percent;
    } else if (progress.current && progress.total && *progress.total > 0) {
      progress.percent = std::min(100.0, 100.0 * *progress.current / *progress.total);
    }
    const std::optional<double> figure = progress.current ? progress.current : progress.percent;
    if (!figure) return;
    if (!progress.first_figure) {
      progress.first_figure = figure;
      progress.first_micros = now_;
    }
    progress.last_micros = std::max(progress.last_micros, now_);
  }

  void EndStage(StageStatus status) {
    const size_t index = RunningAttempt();
    if (!draft_.message.empty()) state_.stages[index].message = draft_.message;
    CloseStage(index, status, now_);
  }

  // --- Gates ---

  void CloseGate(size_t index, GateStatus status, int64_t at_micros) {
    GateState& gate = state_.gates[index];
    gate.status = status;
    gate.decided_seq = event_.seq;
    gate.decided_micros = std::max(at_micros, gate.opened_micros);
    if (changes_ != nullptr) changes_->gates.push_back(index);
  }

  void OpenGate() {
    const GateState* last = state_.FindGate(draft_.gate);
    GatePayload payload = ReadGatePayload(draft_.payload);
    GateState gate;
    gate.name = draft_.gate;
    gate.iteration = last == nullptr ? 1 : last->iteration + 1;
    gate.opened_seq = event_.seq;
    gate.opened_micros = now_;
    gate.opened_ts_micros = event_.ts_micros;
    gate.prompt = std::move(payload.prompt);
    if (gate.prompt.empty()) gate.prompt = draft_.message;
    gate.options = std::move(payload.options);
    gate.timeout_seconds = payload.timeout_seconds;
    gate.on_timeout = std::move(payload.on_timeout);
    gate.approvers = std::move(payload.approvers);
    gate.required = payload.required;
    gate.allow_self = payload.allow_self;
    if (!gate.allow_self) gate.opened_by = draft_.actor;
    gate.fields = EncodeGateFields(payload.fields);
    state_.gates.push_back(std::move(gate));
    if (changes_ != nullptr) changes_->gates.push_back(state_.gates.size() - 1);
    std::erase(state_.blocking_gates, draft_.gate);
    if (state_.status != JobStatus::kPaused) {
      state_.status_before_pause = state_.status;
      state_.status = JobStatus::kPaused;
      state_.paused_since_micros = Turn();
    }
    state_.reason = PauseReason();
  }

  // One of several. The first fixes what the others agree to.
  void CountApproval(GateState& gate, const DecisionPayload& payload, const std::string& answers) {
    if (gate.approvals.empty()) {
      gate.choice = payload.choice;
      gate.answers = answers;
    }
    gate.approvals.push_back({.actor = draft_.actor,
                              .seq = event_.seq,
                              .micros = now_,
                              .comment = payload.comment,
                              .via = payload.via});
  }

  void DecideGate(GateStatus status) {
    const GateState* found = state_.FindGate(draft_.gate);
    if (found == nullptr) return;  // cannot be: such an event is flagged
    const auto index = static_cast<size_t>(found - state_.gates.data());
    GateState& gate = state_.gates[index];
    DecisionPayload payload = ReadDecisionPayload(draft_.payload);
    if (payload.comment.empty()) payload.comment = draft_.message;
    if (payload.via.empty()) payload.via = "event";
    const std::string answers = NormalAnswers(DecodeGateFields(gate.fields), payload.answers);
    if (event_.approval_count > 0) {
      CountApproval(gate, payload, answers);
      if (changes_ != nullptr) changes_->gates.push_back(index);
      if (event_.approval_count < event_.approvals_required) return;
    } else {
      gate.choice = payload.choice;
      gate.answers = answers;
    }
    CloseGate(index, status, now_);
    gate.decided_by = draft_.actor;
    gate.comment = std::move(payload.comment);
    gate.via = std::move(payload.via);
    if (status == GateStatus::kRejected || status == GateStatus::kExpired) {
      state_.blocking_gates.push_back(gate.name);
    }
    if (state_.status != JobStatus::kPaused) return;
    if (state_.PendingGate() != nullptr || !state_.blocking_gates.empty()) {
      state_.reason = PauseReason();
      return;
    }
    LeavePause();
    state_.status = state_.status_before_pause;
    state_.may_resume_again = true;
  }

  std::string PauseReason() const {
    if (const GateState* pending = state_.PendingGate()) {
      return "gate " + pending->name + " is pending";
    }
    const std::string& name = state_.blocking_gates.back();
    return "gate " + name + " was " + std::string(StatusName(state_.FindGate(name)->status));
  }

  JobState& state_;
  const Event& event_;
  const EventDraft& draft_;
  const int64_t now_;
  StateChanges* changes_;
};

void Count(JobState& state, int64_t seq, int64_t job_seq, int64_t ts_micros,
           std::string_view hash) {
  state.job_seq = job_seq;
  state.as_of_seq = seq;
  state.updated_at_micros = ts_micros;
  state.last_hash = hash;
}

}  // namespace

void Apply(JobState& state, const Event& event, std::string_view hash, StateChanges* changes) {
  const int64_t happened_micros = EffectiveMicros(event);
  if (state.job_seq == 0) {
    state.job_id = event.draft.job_id;
    state.created_at_micros = happened_micros;
    state.first_seq = event.seq;
    state.implicit_create = event.draft.kind != EventType::kJobCreated;
  }
  state.latest_micros = std::max(state.latest_micros, happened_micros);
  Count(state, event.seq, event.job_seq, event.ts_micros, hash);
  const auto& violations = event.violations;
  state.violation_count += std::count_if(violations.begin(), violations.end(), IsViolation);
  if (std::all_of(violations.begin(), violations.end(), ViolationCounts)) {
    Fold(state, event, changes).Run();
  }
}

bool ApplyLine(JobState& state, std::string_view line, StateChanges* changes) {
  const std::string_view hash = StoredHash(line);
  // Slicing trusts the line. One that was cut has no hash at its end.
  const auto slice = hash.empty() ? std::nullopt : SliceStoredEvent(line);
  if (slice) {
    Apply(state, *slice, hash, changes);
    return true;
  }
  const Result<Event> event = DecodeStoredEvent(line);
  if (!event) return false;
  Apply(state, *event, hash, changes);
  return true;
}

}  // namespace stagelog
