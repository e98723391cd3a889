// Long polls: requests that wait for an event without occupying a thread.
#ifndef STAGELOG_API_LONG_POLLS_H_
#define STAGELOG_API_LONG_POLLS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "core/commit_listener.h"
#include "core/query.h"

namespace stagelog {

// One poll that waits.
struct ParkedPoll {
  std::optional<std::string> job_id;
  EventFilter filter;
  int64_t scanned_through = 0;  // nothing up to here matches
  int64_t deadline_micros = 0;  // monotonic
  // True when its client has gone: it is forgotten. May be null.
  std::shared_ptr<const std::atomic<bool>> canceled;
  // Called once, on the loop's thread: true when something may match now, false when the time is
  // up.
  std::function<void(bool something_came)> wake;
};

// Lives on the request loop's thread; only OnCommit() and OnJobDeleted() are called from
// another.
class LongPolls : public CommitListener {
 public:
  using PostTask = std::function<void(std::function<void()>)>;
  // Below this number, polls whose clients are gone stay until their deadline.
  static constexpr size_t kForgetAtLeast = 1'024;

  using CallAt = std::function<void(int64_t monotonic_micros, std::function<void()>)>;

  // Before the first use. `post` runs a task on the loop, `call_at` does so at a time (on the loop
  // only).
  void Connect(PostTask post, CallAt call_at);

  // Wakes the poll at once when events came since it looked. Any thread.
  void Park(ParkedPoll poll);

  // Ends the wait of every poll, and of later ones at once. Any thread.
  void ReleaseAll();

  // Ends the wait of those that wait now: whoever sent one may not be admitted any more. Any
  // thread.
  void ReleaseParked();

  // Any thread.
  size_t parked_count() const { return static_cast<size_t>(parked_count_.load()); }

  void OnCommit(const CommittedBatchPointer& batch) override;
  // Polls of that job are re-evaluated, and find that it was deleted.
  void OnJobDeleted(const std::string& job_id, int64_t seq) override;

 private:
  void ParkOnLoop(ParkedPoll poll);
  void ForgetCanceled();
  void TakeBatches();
  void MatchOn();
  void Wake(uint64_t id, bool something_came);

  PostTask post_;
  CallAt call_at_;
  std::unordered_map<uint64_t, ParkedPoll> parked_;  // the loop's own
  uint64_t next_id_ = 1;
  size_t forget_at_ = kForgetAtLeast;  // so many are looked through for clients that have gone
  bool released_ = false;
  std::atomic<int64_t> parked_count_{0};
  std::atomic<int64_t> head_seq_{0};
  Mutex mutex_;
  std::vector<CommittedBatchPointer> batches_ STAGELOG_GUARDED_BY(mutex_);  // guarded by mutex_

  // The matching in progress, done in slices: the events, and the polls not examined yet.
  struct Matching {
    std::vector<CommittedBatchPointer> batches;
    std::vector<std::pair<const CommittedEvent*, FilterSubject>> events;
    std::vector<uint64_t> polls;
  };
  std::optional<Matching> matching_;
};

}  // namespace stagelog

#endif  // STAGELOG_API_LONG_POLLS_H_
