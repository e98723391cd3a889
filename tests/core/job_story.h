// Tells the events of one job one after the other, each judged and folded as the journal does it.
#ifndef STAGELOG_TESTS_CORE_JOB_STORY_H_
#define STAGELOG_TESTS_CORE_JOB_STORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/job_machine.h"
#include "tests/support/time_units.h"

namespace stagelog {

// What an event may carry beside its type.
struct EventParts {
  std::string stage;
  std::string gate;
  std::optional<int64_t> attempt;
  std::string message;
  std::string payload;
  std::string actor;
  std::optional<int64_t> occurred_at_micros;  // none: the event's ts
};

EventDraft DraftOf(const std::string& type, const EventParts& parts = {});

class JobStory {
 public:
  static constexpr int64_t kStartMicros = 1'700'000'000'000'000;

  JobStory() = default;
  explicit JobStory(JobState state) : state_(std::move(state)) {}

  // The next event: one second after the last one, with a seq that leaves room for those of other
  // jobs.
  JobStory& Tell(const std::string& type, const EventParts& parts = {});

  // The event that Tell() would fold, without folding it.
  Event Next(const std::string& type, const EventParts& parts = {}) const;

  // Time that passes before the next event, beside its one second.
  JobStory& Wait(int64_t seconds);

  const JobState& state() const { return state_; }
  const std::vector<std::string>& violations() const { return violations_; }  // of the last event
  const StateChanges& changes() const { return changes_; }                    // of the last event

  // The last attempt of a stage and the last iteration of a gate, which must be there.
  const StageState& stage(const std::string& path) const;
  const GateState& gate(const std::string& name) const;

 private:
  JobState state_;
  int64_t now_micros_ = kStartMicros;
  std::vector<std::string> violations_;
  StateChanges changes_;
};

// A job that was created and started, and one that a gate "g" has paused then.
JobStory RunningJob();
JobStory PausedJob();

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CORE_JOB_STORY_H_
