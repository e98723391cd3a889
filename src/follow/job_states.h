// The states of the jobs that are being written about, folded on from event to event.
#ifndef STAGELOG_FOLLOW_JOB_STATES_H_
#define STAGELOG_FOLLOW_JOB_STATES_H_

#include <cstddef>
#include <string>
#include <unordered_map>

#include "core/ports.h"

namespace stagelog {

// Some tens of megabytes at most: when it becomes more, all are forgotten and folded anew from
// their snapshots. One thread at a time.
class JobStates {
 public:
  explicit JobStates(JobSource& source) : source_(source) {}

  // Folds in what was committed of the job since the last call and adds what that changed to
  // `changes` (everything the first time). Null when there is nothing new. Valid until the next
  // call of a function of this object. After a failure the job is forgotten.
  Result<const JobState*> Advance(const std::string& job_id, StateChanges& changes);

  // The next Advance() begins anew and names everything.
  void Forget(const std::string& job_id);

 private:
  JobSource& source_;
  std::unordered_map<std::string, JobState> states_;
  size_t weight_ = 0;  // jobs, and how many attempts and iterations they hold
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_JOB_STATES_H_
