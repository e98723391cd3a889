// The writer's input: a bounded queue with a timer.
#ifndef STAGELOG_LOG_APPEND_QUEUE_H_
#define STAGELOG_LOG_APPEND_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "core/event.h"
#include "core/event_appender.h"

namespace stagelog {

// One call of EventAppender::Append().
struct AppendRequest {
  std::vector<EventDraft> drafts;
  std::optional<Precondition> precondition;
  AppendDone done;
  size_t bytes = 0;           // SizeOf(drafts)
  int64_t pushed_micros = 0;  // monotonic
};

// About how much memory the drafts take.
size_t SizeOf(const std::vector<EventDraft>& drafts);

// Safe from any thread. At most one thread may wait at a time.
class AppendQueue {
 public:
  enum class Admission { kTaken, kStopping, kFull };

  // Holds drafts of at most `max_bytes` in total, or one larger request.
  explicit AppendQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Moves from `request` only if it is accepted. If `wakes` is true, notifies the waiting thread.
  Admission Push(AppendRequest& request, bool wakes);

  // Removes and returns the oldest requests, at most `max_requests`.
  std::vector<AppendRequest> Take(size_t max_requests);

  // Returns when there is a request, when Wake() or Stop() was called, or at SetTimer()'s time.
  void Wait(Clock& clock);

  // As Wait(), but ignores the timer. False once Stop() was called.
  bool WaitForRequest();

  // Makes the current Wait() or WaitForRequest() return, or the next one if none is under way.
  void Wake();

  // Sets the monotonic time at which Wait() returns at the latest; INT64_MAX: no such time.
  void SetTimer(int64_t at_micros);

  // Refuses new requests; those already queued can still be taken.
  void Stop();

  bool IsStoppedAndEmpty() const;
  size_t size() const;
  size_t bytes() const;

 private:
  const size_t max_bytes_;
  mutable Mutex mutex_;
  ConditionVariable wake_;
  std::vector<AppendRequest> requests_ STAGELOG_GUARDED_BY(mutex_);  // oldest first
  size_t bytes_ STAGELOG_GUARDED_BY(mutex_) = 0;
  int64_t timer_micros_ STAGELOG_GUARDED_BY(mutex_) = INT64_MAX;
  bool was_woken_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool is_stopping_ STAGELOG_GUARDED_BY(mutex_) = false;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_APPEND_QUEUE_H_
