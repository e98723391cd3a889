// Where readers report that a job's file lacks a line.
#ifndef STAGELOG_LOG_LOST_LINES_H_
#define STAGELOG_LOG_LOST_LINES_H_

#include <string>
#include <unordered_set>
#include <utility>

#include "base/mutex.h"

namespace stagelog {

// The jobs whose events.jsonl is to be compared again, because a line that is in it alone is gone.
// Safe from any thread.
class LostLines {
 public:
  void Add(const std::string& job_id) {
    const MutexLock lock(mutex_);
    jobs_.insert(job_id);
  }

  bool HasAny() const {
    const MutexLock lock(mutex_);
    return !jobs_.empty();
  }

  // The jobs that were added since the last time.
  std::unordered_set<std::string> Take() {
    const MutexLock lock(mutex_);
    return std::exchange(jobs_, {});
  }

 private:
  mutable Mutex mutex_;
  std::unordered_set<std::string> jobs_ STAGELOG_GUARDED_BY(mutex_);
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_LOST_LINES_H_
