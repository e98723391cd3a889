// Threads that read pages of the journal for subscribers behind the ring: the only part of
// streaming that blocks on the disk.
#ifndef STAGELOG_STREAM_CATCH_UP_READER_H_
#define STAGELOG_STREAM_CATCH_UP_READER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "core/event_source.h"
#include "stream/frame_segment.h"

namespace stagelog {

// A subscriber's next request: a page, or the seq at a time.
struct CatchUpTask {
  uint64_t subscriber_id = 0;
  std::optional<int64_t> time_micros;  // since 1970; `request` counts for nothing then
  ReadRequest request;
  FrameForm form;
};

struct CatchUpPage {
  FrameSegmentPointer frames;   // null when nothing matched; its entries do not know job_over
  int64_t scanned_through = 0;  // or the seq at the time that was asked for
  bool has_more = false;
  bool job_over = false;  // as of the snapshot's head
};

struct CatchUpResult {
  uint64_t subscriber_id = 0;
  Result<CatchUpPage> page;
};

class CatchUpReader {
 public:
  // `post` is called on the reader's threads, once for each task that was not cancelled in time.
  using Post = std::function<void(CatchUpResult)>;

  CatchUpReader(EventSource& source, int thread_count, Post post);

  // Waits for running reads; queued tasks are dropped.
  ~CatchUpReader();

  // Safe from any thread. Tasks are served in order of arrival; those with a filter, which may scan
  // many events, alternate with the others, in short slices. Subscribers that request the same page
  // (after a deploy a thousand of them may reconnect with one cursor) share one read.
  void Submit(CatchUpTask task);

  // Removes the subscriber's task from the queue if it has not begun. Safe from any thread.
  void Cancel(uint64_t subscriber_id);

 private:
  void Work();
  std::deque<CatchUpTask>& QueueOfThisTurn() STAGELOG_REQUIRES(mutex_);
  std::vector<CatchUpTask> TakeTasks();
  Result<CatchUpPage> Run(const CatchUpTask& task);

  EventSource& source_;
  Post post_;
  Mutex mutex_;
  ConditionVariable wake_;
  std::deque<CatchUpTask> queue_
      STAGELOG_GUARDED_BY(mutex_);  // guarded by mutex_, as is all that follows
  std::deque<CatchUpTask> filtered_ STAGELOG_GUARDED_BY(mutex_);
  bool is_filtered_turn_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool stopping_ STAGELOG_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_CATCH_UP_READER_H_
