// What the journal says about itself, and whether it takes requests.
#ifndef STAGELOG_LOG_JOURNAL_HEALTH_H_
#define STAGELOG_LOG_JOURNAL_HEALTH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "core/journal_status.h"
#include "core/refusal.h"

namespace stagelog {

// Safe from any thread, never blocks. The writing thread is the one that changes it, but for
// SetStopping().
class JournalHealth {
 public:
  JournalStatus Get() const;

  // Why a request is refused now, not applied, if it is: the journal is closed, or the daemon
  // stops. What is put on a queue under a lock that is held from this question on, and that the
  // queue is emptied under, is either refused here or taken from the queue later: whoever closes
  // the journal says so here first.
  std::optional<Refusal> GetRefusal() const;
  bool IsStopping() const;

  // `set_aside` is added to what was before.
  void SetOpened(const std::string& journal_id, int64_t head_seq,
                 const std::vector<std::string>& set_aside);
  void SetClosed(const std::string& problem);
  void SetStopping();  // for good

  void SetHead(int64_t seq);
  void SetVisible(int64_t seq);
  void AddSetAside(std::string name);
  void AddLostTails(const std::vector<ObstructedFile>& tails);

  // The obstructed files: the first of them, and the jobs of all.
  void SetObstructed(std::vector<ObstructedFile> first, std::vector<std::string> jobs);
  bool IsFileBehind(const std::string& job_id) const;

 private:
  mutable Mutex mutex_;
  JournalStatus status_ STAGELOG_GUARDED_BY(mutex_);
  bool is_stopping_ STAGELOG_GUARDED_BY(mutex_) = false;
  std::unordered_set<std::string> jobs_behind_ STAGELOG_GUARDED_BY(mutex_);
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOURNAL_HEALTH_H_
