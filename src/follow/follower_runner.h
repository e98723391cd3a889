// The thread of a follower: when it works, when it tries again, how it stops.
#ifndef STAGELOG_FOLLOW_FOLLOWER_RUNNER_H_
#define STAGELOG_FOLLOW_FOLLOWER_RUNNER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/alarm.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "core/commit_listener.h"
#include "core/follower.h"
#include "core/journal_status.h"
#include "follow/follower_task.h"

namespace stagelog {

// The pauses before retries of one outage: the first, then each twice as long as the one before,
// up to the longest. Where they grow, each is cut short by up to a half at random, so that those
// who wait for the same thing do not all come back at once. 0 < first <= longest.
struct RetryPauses {
  int64_t first_micros = 1'000'000;
  int64_t longest_micros = 1'000'000;
};

// One thread. It sleeps until the task's next work, or the end of a pause. What the journal
// announces does not wake it unless the task wants it to, and during the pause after a failure has
// no effect on it. An outage is logged when it begins and when it ends, however often the task
// fails in between.
class FollowerRunner : public CommitListener, public Follower {
 public:
  // `journal` and `clock` outlive the runner. Aborts where there are no three descriptors.
  FollowerRunner(std::unique_ptr<FollowerTask> task, const JournalStatusSource& journal,
                 Clock& clock, RetryPauses pauses = {});
  ~FollowerRunner() override;  // as Stop()

  // Once, and not after Stop(). The thread sleeps by the machine's clocks, so `clock` must be that
  // one. `thread_name` is what tools show, at most 15 bytes.
  void Start(const std::string& thread_name);

  // Waits for the turn under way, but not for what is under way elsewhere, then lets the task
  // finish. Idempotent, also without Start(). By the thread that has started it.
  void Stop();

  // One turn: waits (if it may) until there is something to do and does it. False when stopped.
  // Tests call it themselves instead of Start().
  bool RunOnce(bool may_wait = true);

  void OnCommit(const CommittedBatchPointer& batch) override;
  void OnJobDeleted(const std::string& job_id, int64_t seq) override;

  // The lag is counted from the first seq that the task has not done. The problem is the last one,
  // until a turn goes well.
  FollowerStatus GetFollowerStatus() const override;

 private:
  WorkTime NextTurn() const;
  bool HasCome(const WorkTime& time) const;
  void TakeTurn();
  void EndOutage();
  void SetProblem(const std::string& problem);
  void PauseBeforeRetry();

  const std::unique_ptr<FollowerTask> task_;
  const JournalStatusSource& journal_;
  Clock& clock_;
  const RetryPauses pauses_;
  // Shared with whoever was given `wake_`.
  const std::shared_ptr<Alarm> alarm_;
  const std::function<void()> wake_;
  std::atomic<bool> stopping_{false};

  // The thread's own. Times are Clock::BootMicros().
  bool is_blocked_ = false;                     // the last turn has failed: the next is a retry
  int64_t retry_at_micros_ = WorkTime::kNever;  // the end of the pause
  int64_t next_pause_micros_;                   // without what is cut off
  std::optional<int64_t> outage_since_micros_ = {};  // none: there is no outage
  bool is_outage_logged_ = false;

  mutable Mutex mutex_;
  std::string problem_ STAGELOG_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_FOLLOWER_RUNNER_H_
