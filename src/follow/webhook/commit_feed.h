// What is committed, on its way from the writing thread to the relay's.
#ifndef STAGELOG_FOLLOW_WEBHOOK_COMMIT_FEED_H_
#define STAGELOG_FOLLOW_WEBHOOK_COMMIT_FEED_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/mutex.h"
#include "core/commit_listener.h"

namespace stagelog {

// Bounded: what finds no room is to be read from the log. Safe from any thread.
class CommitFeed {
 public:
  static constexpr size_t kMaxEvents = 16'384;
  static constexpr size_t kMaxBytes = size_t{32} << 20;

  // The batches follow one another without a hole. Everything behind them, up to `lost_through`,
  // found no room; 0: nothing.
  struct Taken {
    std::deque<CommittedBatchPointer> batches;
    int64_t lost_through = 0;
  };

  // True if the feed was empty: its reader may sleep.
  bool Push(const CommittedBatchPointer& batch);
  Taken Take();
  bool IsEmpty() const;

 private:
  mutable Mutex mutex_;
  Taken waiting_ STAGELOG_GUARDED_BY(mutex_);
  size_t events_ STAGELOG_GUARDED_BY(mutex_) = 0;
  size_t bytes_ STAGELOG_GUARDED_BY(mutex_) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_COMMIT_FEED_H_
