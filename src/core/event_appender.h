// Takes events into the journal.
#ifndef STAGELOG_CORE_EVENT_APPENDER_H_
#define STAGELOG_CORE_EVENT_APPENDER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/event.h"
#include "core/job_machine.h"
#include "core/job_state.h"
#include "core/precondition.h"
#include "core/refusal.h"

namespace stagelog {

// Where one draft of an append ended up.
struct AppendedEvent {
  int64_t seq = 0;
  int64_t job_seq = 0;
  int64_t ts_micros = 0;
  std::string event_id;
  bool duplicate = false;  // was in the journal already; the numbers are the original's
  std::string job_id;
  std::string actor;  // of a duplicate: who sent the original
  // Of a decision that counts, the gate's status after it, and which of the required approvals it
  // is (see Event).
  std::optional<GateStatus> gate_status;
  int64_t approval_count = 0;
  int64_t approvals_required = 0;
  JobStatus job_status =
      JobStatus::kCreated;              // after the whole append: a worker learns of a cancel by it
  std::vector<std::string> violations;  // that it was stored with (IsViolation())
};

using AppendOutcome = tl::expected<std::vector<AppendedEvent>, Refusal>;

// Called once, after the commit or the refusal: by the writing thread (the journal's own, or one
// within CommitInline()), or within Append() if the append is refused at once. Must not block.
using AppendDone = std::function<void(AppendOutcome)>;

// Appends drafts to the journal: all of them in the order given, or none. Safe from any thread.
class EventAppender {
 public:
  virtual ~EventAppender() = default;

  // `precondition` is checked by the writer against the state that the drafts would change; its
  // refusal becomes the answer. `drafts` is not empty and holds no heartbeat.
  virtual void Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                      AppendDone done) = 0;

  // As Append(), but does not notify the writer: the caller may enqueue more and then call
  // NotifyWriter().
  virtual void Enqueue(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                       AppendDone done) {
    Append(std::move(drafts), std::move(precondition), std::move(done));
  }

  // Notifies the writer of what was enqueued. Returns true if that is so little, and nobody is
  // writing, that a caller who may block should commit it itself by CommitInline(): one thread's
  // turn is cheaper than two context switches (cf. leveldb's leaders and followers).
  virtual bool NotifyWriter(bool /*may_commit_inline*/) { return false; }

  // Commits the queued appends on the calling thread. Blocks for the time of a commit.
  virtual void CommitInline() {}
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_EVENT_APPENDER_H_
