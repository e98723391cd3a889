// Committed batches that the stream thread has received and not yet put into the rings. Stream
// thread only.
#ifndef STAGELOG_STREAM_COMMIT_BACKLOG_H_
#define STAGELOG_STREAM_COMMIT_BACKLOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/commit_listener.h"

namespace stagelog {

class CommitBacklog {
 public:
  void Add(CommittedBatchPointer batch) { batches_.push_back(std::move(batch)); }
  void Clear();
  bool empty() const { return batches_.empty(); }

  // The next events later than `after`, across batches, of about `max_bytes` (exceeded by at most
  // one event): small commits are sent together, and a large one cannot overwrite a ring before its
  // subscribers were served. The pointers are valid until the next call.
  const std::vector<const CommittedEvent*>& TakeRound(size_t max_bytes, int64_t after);

  // Bytes of bodies processed since the last call.
  size_t TakeWorkedOffBytes();

 private:
  std::deque<CommittedBatchPointer> batches_;
  size_t next_event_ = 0;  // in the first batch
  size_t worked_off_bytes_ = 0;
  std::vector<CommittedBatchPointer> held_;  // the batches that round_ points into
  std::vector<const CommittedEvent*> round_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_COMMIT_BACKLOG_H_
