#include "follow/webhook/commit_feed.h"

#include <utility>

namespace stagelog {

bool CommitFeed::Push(const CommittedBatchPointer& batch) {
  size_t bytes = 0;
  for (const CommittedEvent& event : batch->events) bytes += event.body.size();
  const MutexLock lock(mutex_);
  const bool was_empty = waiting_.batches.empty() && waiting_.lost_through == 0;
  const bool has_room = events_ + batch->events.size() <= kMaxEvents && bytes_ + bytes <= kMaxBytes;
  // After one that found no room none is taken: a later one would hide the hole.
  if (waiting_.lost_through > 0 || !has_room) {
    waiting_.lost_through = batch->events.back().seq;
  } else {
    waiting_.batches.push_back(batch);
    events_ += batch->events.size();
    bytes_ += bytes;
  }
  return was_empty;
}

CommitFeed::Taken CommitFeed::Take() {
  const MutexLock lock(mutex_);
  events_ = 0;
  bytes_ = 0;
  return std::exchange(waiting_, {});
}

bool CommitFeed::IsEmpty() const {
  const MutexLock lock(mutex_);
  return waiting_.batches.empty() && waiting_.lost_through == 0;
}

}  // namespace stagelog
