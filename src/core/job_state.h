// The state that a job's events imply.
#ifndef STAGELOG_CORE_JOB_STATE_H_
#define STAGELOG_CORE_JOB_STATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"

namespace stagelog {

enum class JobStatus { kCreated, kRunning, kPaused, kCompleted, kFailed, kCanceled };

std::string_view JobStatusName(JobStatus status);
std::optional<JobStatus> ParseJobStatus(std::string_view name);

// What a job's events up to `as_of_seq` add up to.
struct JobState {
  std::string job_id;
  JobStatus status = JobStatus::kCreated;
  int64_t job_seq = 0;    // of the last event; 0 before the first
  int64_t first_seq = 0;  // of the first event: jobs sort by it in the order of their creation
  int64_t as_of_seq = 0;  // the last event's
  int64_t created_at_micros = 0;
  int64_t updated_at_micros = 0;
  int64_t violation_count = 0;
  std::string last_hash;  // 64 hex digits; empty before the first event

  bool IsOver() const;
};

// Codes of what is illegal about `draft` in `state`; empty when nothing is. Pure.
std::vector<std::string> Judge(const JobState& state, const EventDraft& draft);

// Folds one event into the state. Deterministic and total: it trusts the violations that the event
// carries (an event with any changes no status), so that old journals fold the same for ever.
void Apply(JobState& state, const Event& event, std::string_view hash);

// {"job_id":...,"status":...,...}
std::string EncodeJobState(const JobState& state);

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_STATE_H_
