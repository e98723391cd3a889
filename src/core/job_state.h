// The state that a job's events add up to: plain data. core/job_machine.h says how.
#ifndef STAGELOG_CORE_JOB_STATE_H_
#define STAGELOG_CORE_JOB_STATE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/labels.h"
#include "core/stage_tree.h"

namespace stagelog {

// Version of the folding rules: increased whenever the same events fold to another state. Rows and
// files written under another version are rebuilt.
inline constexpr int64_t kFoldVersion = 2;

enum class JobStatus { kCreated, kRunning, kPaused, kCompleted, kFailed, kCanceled };
enum class StageStatus { kRunning, kCompleted, kFailed, kAbandoned };
enum class GateStatus { kPending, kApproved, kRejected, kAutoApproved, kExpired, kCanceled };

std::string_view StatusName(JobStatus status);
std::string_view StatusName(StageStatus status);
std::string_view StatusName(GateStatus status);
// All names, in the order of the enumerations.
std::span<const std::string_view> JobStatusNames();
std::span<const std::string_view> GateStatusNames();
std::optional<JobStatus> ParseJobStatus(std::string_view name);

// completed, failed or canceled.
bool IsTerminal(JobStatus status);

// The last reported progress. Times are microseconds since 1970, as everywhere in this file, and
// are times of occurrence (EffectiveMicros) unless called a `ts`.
struct Progress {
  std::optional<double> current;
  std::optional<double> total;
  std::optional<double>
      percent;  // 0 to 100; worked out from current and total where both are known
  std::string unit;
  // The first report of the attempt with a number: rates are computed from it.
  std::optional<double> first_figure;
  int64_t first_micros = 0;
  int64_t last_micros = 0;

  bool operator==(const Progress&) const = default;
};

// One attempt at one stage.
struct StageState {
  std::string path;
  int64_t attempt = 1;
  int64_t epoch = 1;  // of the job when it began
  StageStatus status = StageStatus::kRunning;
  int64_t started_micros = 0;
  int64_t ended_micros = 0;  // 0 while it runs
  std::string message;       // the last one that came with an event of the stage
  Progress progress;

  bool operator==(const StageState&) const = default;
};

// The stage's share of work done, for StageTree: all of it for a completed attempt, else what it
// reported.
std::optional<int64_t> DoneOf(const StageState& stage);

// One of several approvals that a gate requires.
struct GateApproval {
  std::string actor;
  int64_t seq = 0;
  int64_t micros = 0;
  std::string comment;
  std::string via;

  bool operator==(const GateApproval&) const = default;
};

// One iteration of one gate.
struct GateState {
  std::string name;
  int64_t iteration = 1;
  GateStatus status = GateStatus::kPending;
  int64_t opened_seq = 0;
  int64_t opened_micros = 0;
  int64_t opened_ts_micros = 0;  // `ts` of that event; start of the timeout
  int64_t decided_seq = 0;       // 0 while it is pending, as are the next ones
  int64_t decided_micros = 0;
  std::string prompt;
  std::string options;  // JSON array as it was sent, or empty
  std::optional<int64_t> timeout_seconds;
  std::string on_timeout;              // approve, reject or expire
  std::vector<std::string> approvers;  // names of tokens; empty: every approver
  std::string decided_by;              // actor
  std::string comment;
  std::string choice;
  std::string via;  // source of the decision: api, event, timer

  // The first approval fixes `choice` and `answers`; later ones may not differ.
  int64_t required = 1;                 // approvals by different actors
  std::vector<GateApproval> approvals;  // that count; none of a gate that requires one
  bool allow_self = true;
  std::string opened_by;  // actor; empty where `allow_self` is true
  std::string fields;     // EncodeGateFields()
  std::string answers;    // NormalAnswers()

  // It matters who approves, beyond the list of approvers.
  bool NeedsPeople() const { return required > 1 || !allow_self; }
  bool IsApprovedBy(std::string_view actor) const;
  // When the timer decides it, microseconds since 1970; 0: never.
  int64_t ExpiresAtMicros() const;

  bool operator==(const GateState&) const = default;
};

// The fold of a job's events up to `as_of_seq`. Depends on nothing else: no clock is read,
// durations extend to the last event.
struct JobState {
  std::string job_id;
  JobStatus status = JobStatus::kCreated;
  int64_t job_seq = 0;    // of the last event; 0 before the first
  int64_t first_seq = 0;  // of the first event: jobs sort by it in the order of their creation
  int64_t as_of_seq = 0;  // the last event's
  int64_t created_at_micros = 0;  // time of the earliest occurrence
  int64_t started_at_micros = 0;  // 0: not yet
  int64_t ended_at_micros = 0;    // 0: not over
  int64_t updated_at_micros = 0;  // `ts` of the last event
  int64_t latest_micros = 0;      // the latest event time: end of what still runs
  int64_t turned_micros = 0;      // last start, pause, resumption or end; 0: never
  int64_t epoch = 1;              // 1 + resumptions after an end
  int64_t violation_count = 0;
  std::string last_hash;  // 64 hex digits; empty before the first event

  std::string pipeline;
  bool strict = false;
  bool implicit_create = false;  // the first event was not job_created
  Labels labels;
  std::vector<std::string> declared_stages;

  // While paused: the status to return to, the reason, the start, and the gates that keep the job
  // paused although they are decided (rejected or expired).
  JobStatus status_before_pause = JobStatus::kRunning;
  std::string reason;
  int64_t paused_since_micros = 0;
  std::vector<std::string> blocking_gates;
  int64_t waited_micros = 0;   // in pauses that are over
  int64_t stopped_micros = 0;  // between an end and the resumption after it
  // The last approval has just ended a pause: a job_resumed now is valid.
  bool may_resume_again = false;

  std::vector<StageState> stages;  // all attempts, in the order of their beginning
  std::vector<GateState> gates;    // all iterations, in the order of their opening
  StageTree tree;                  // follows from `declared_stages` and `stages`

  bool IsTerminal() const { return stagelog::IsTerminal(status); }
  // Fraction of the job that is done, 0 to StageTree::kWhole. None if unknown: a job that did not
  // declare its stages may still start any number of them.
  std::optional<int64_t> Done() const;
  // Declared stages that have not begun and have no stage below them that has, each once, in the
  // order of their declaration.
  std::vector<std::string_view> PendingStages() const;
  // The last attempt of a stage and the last iteration of a gate; null when there was none.
  const StageState* FindStage(std::string_view path) const;
  const GateState* FindGate(std::string_view name) const;
  // The gate that was opened last among those that are pending; null when none is.
  const GateState* PendingGate() const;

  bool operator==(const JobState&) const = default;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_STATE_H_
