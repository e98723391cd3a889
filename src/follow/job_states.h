// A cache of the states of active jobs, advanced incrementally.
#ifndef STAGELOG_FOLLOW_JOB_STATES_H_
#define STAGELOG_FOLLOW_JOB_STATES_H_

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "core/job_machine.h"
#include "core/job_source.h"
#include "core/job_state.h"

namespace stagelog {

// Bounded to some tens of megabytes: the least recently used jobs are evicted, and reloaded from
// their snapshots when needed. The job being advanced is never evicted, however large, and counts
// for at most a quarter of the bound. One thread at a time.
class JobStates {
 public:
  static constexpr size_t kMaxBytes = size_t{32} << 20;

  explicit JobStates(JobSource& source, size_t max_bytes = kMaxBytes)
      : source_(source), max_bytes_(max_bytes) {}

  // Folds in the job's events up to `through_seq` that were committed since the last call, and adds
  // what they changed to `changes` (everything the first time). Null when there is nothing new.
  // Valid until the next call of a function of this object. After a failure the job is forgotten.
  Result<const JobState*> Advance(const std::string& job_id, StateChanges& changes,
                                  int64_t through_seq = INT64_MAX);

  // The next Advance() begins anew and names everything.
  void Forget(const std::string& job_id);

  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    JobState state;
    size_t bytes = 0;  // as it counts
    std::list<std::string>::iterator recency;
  };

  Entry& Use(const std::string& job_id);
  void Weigh(Entry& entry);

  JobSource& source_;
  const size_t max_bytes_;
  std::unordered_map<std::string, Entry> entries_;
  std::list<std::string> recency_;  // least recently used first
  size_t bytes_ = 0;                // of all
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_JOB_STATES_H_
