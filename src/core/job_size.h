// How large a job may become, and how large it is.
#ifndef STAGELOG_CORE_JOB_SIZE_H_
#define STAGELOG_CORE_JOB_SIZE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "core/event.h"
#include "core/job_state.h"
#include "core/refusal.h"

namespace stagelog {

// A job's state is held in memory, sent and written as a whole, so its size is limited. The limits
// apply to new events only: journals with larger jobs can still be opened and served.
inline constexpr size_t kMaxStageAttempts = 20'000;
inline constexpr size_t kMaxGateIterations = 10'000;
// Different stages, those declared and those above others ("a" of "a/b") too.
inline constexpr size_t kMaxStagePlaces = 50'000;

// About how many bytes of memory they take. A place in the tree of stages: a node with its key.
inline constexpr size_t kBytesOfPlace = 160;
size_t BytesOf(const StageState& stage);
size_t BytesOf(const GateState& gate);
size_t BytesOf(const JobState& state);  // looks at each stage and gate

// True if the drafts (of any jobs) cannot bring a job in that state to its limits. `job` is null
// for a new job. Cheap.
bool IsWellBelowLimits(const JobState* job, std::span<const EventDraft> drafts);

// Checks events of one job that are appended together against the limits, in order. Counts what
// they may open; invalid events within a batch may be counted although they open nothing.
class JobSizeChecker {
 public:
  // `job` as above; it outlives this object and is not changed meanwhile.
  explicit JobSizeChecker(const JobState* job);

  // A refusal (job_too_large) where the job would have more than it may.
  std::optional<Refusal> Take(const EventDraft& draft);

 private:
  std::optional<Refusal> OpenAttempt(const EventDraft& draft);
  std::optional<Refusal> OpenIteration(const EventDraft& draft);
  std::optional<Refusal> Declare(const EventDraft& draft);
  bool OpensAttempt(const EventDraft& draft);

  const JobState* const job_;
  bool is_new_;
  bool is_over_;
  size_t attempts_;
  size_t iterations_;
  size_t places_;
  std::unordered_map<std::string, bool> stages_;  // of this batch, and whether each runs
  std::unordered_map<std::string, bool> gates_;   // likewise, and whether each is pending
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_SIZE_H_
