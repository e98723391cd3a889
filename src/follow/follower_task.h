// What a follower does when its turn comes. FollowerRunner says when that is.
#ifndef STAGELOG_FOLLOW_FOLLOWER_TASK_H_
#define STAGELOG_FOLLOW_FOLLOWER_TASK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/alarm.h"
#include "base/result.h"
#include "core/commit_listener.h"

namespace stagelog {

// When a task has something to do: as soon as either time has come.
struct WorkTime {
  static constexpr int64_t kAtOnce = INT64_MIN;
  static constexpr int64_t kNever = Alarm::kNever;

  int64_t boot_micros = kNever;  // Clock::BootMicros()
  int64_t wall_micros = kNever;  // Clock::WallMicros()
};

struct Turn {
  // The pause is over: what has failed, in part or as a whole, is tried again.
  bool is_retry = false;
  // Makes the runner ask for NextWork(). A copy may be called from any thread, and when the runner
  // is gone.
  const std::function<void()>& wake;
};

// How a turn went that has not failed.
struct TurnOutcome {
  // Somebody else does what it has begun: whether that works is known in a later turn, and until
  // then an outage neither ends nor is it tried again.
  bool is_under_way = false;

  // What keeps a part of the work from being done, while the rest goes on: turns come as
  // NextWork() says, and one of them, after a pause, is the retry. The task has logged it, for only
  // the task knows the parts. Empty: nothing.
  std::string problem;
};

// It takes the log in its order, as often as need be, and keeps its own account of how far it has
// come. The notes come on the writing thread, DoneThrough() on any; all else is called by one
// thread at a time.
class FollowerTask {
 public:
  virtual ~FollowerTask() = default;

  // As /readyz, /metrics and the log show it: "state_files". Always the same; from any thread.
  virtual std::string_view name() const = 0;

  // What was committed, as CommitListener has it. True wakes the thread, which is too dear for
  // every commit: only where it may have to work sooner than NextWork() has last said.
  virtual bool Note(const CommittedBatchPointer& batch) = 0;
  virtual bool NoteDeletion(const std::string& job_id, int64_t seq) = 0;

  // Asked before each sleep, so it is cheap.
  virtual WorkTime NextWork() = 0;

  // Does what is due. It may be less than all, and nothing. After a failure the next turn is the
  // retry, whatever comes meanwhile. Stop() waits for it: not longer than some seconds.
  virtual Result<TurnOutcome> Work(const Turn& turn) = 0;

  // Nothing up to this seq is left to do. INT64_MAX: nothing at all. Never blocks.
  virtual int64_t DoneThrough() const = 0;

  // There is no turn any more. Saves what has to be saved, within some seconds. Also called where
  // there never was a turn.
  virtual void Finish() {}
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_FOLLOWER_TASK_H_
