// Receives committed events.
#ifndef STAGELOG_CORE_COMMIT_LISTENER_H_
#define STAGELOG_CORE_COMMIT_LISTENER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/event.h"

namespace stagelog {

// One committed event as its readers need it.
struct CommittedEvent {
  int64_t seq = 0;
  EventType kind = EventType::kLog;
  std::string job_id;
  std::string body;       // the line of events.jsonl without its newline
  bool job_over = false;  // the job's state after this event is completed, failed or canceled
};

// The events of one transaction, in order, never empty.
struct CommittedBatch {
  std::vector<CommittedEvent> events;
};

using CommittedBatchPointer = std::shared_ptr<const CommittedBatch>;

// Called by the writing thread after each commit, in order and never concurrently: keep the
// pointer, wake your own thread, return.
class CommitListener {
 public:
  virtual ~CommitListener() = default;
  virtual void OnCommit(const CommittedBatchPointer& batch) = 0;

  // The same for the deletion of a job, which has a seq of its own: the job is not found any more,
  // and its events are about to go.
  virtual void OnJobDeleted(const std::string& /*job_id*/, int64_t /*seq*/) {}
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_COMMIT_LISTENER_H_
