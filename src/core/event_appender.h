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
  JobStatus job_status =
      JobStatus::kCreated;              // after the whole append: a worker learns of a cancel by it
  std::vector<std::string> violations;  // that it was stored with (IsViolation())
};

using AppendOutcome = tl::expected<std::vector<AppendedEvent>, Refusal>;

// Called once, after the commit or the refusal: by whoever writes (the journal's own thread, or one
// within Lead()), or within Append() when the append is refused at once. Must not block.
using AppendDone = std::function<void(AppendOutcome)>;

// Looks at the state of a job as the append finds it; null for a job that is not there.
using JobLookup = std::function<const JobState*(const std::string& job_id)>;

// Judges an append on the writer thread, before anything of it is applied. A refusal is the answer.
using Precondition = std::function<std::optional<Refusal>(const JobLookup&)>;

// Takes drafts into the journal: all of them in the order given, or none. Safe from any thread.
class EventAppender {
 public:
  virtual ~EventAppender() = default;

  // `precondition` may be empty. `drafts` is not empty and holds no heartbeat.
  virtual void Append(std::vector<EventDraft> drafts, Precondition precondition,
                      AppendDone done) = 0;

  // As Append(), by a caller that may have more of them at once and then calls Kick().
  virtual void Enqueue(std::vector<EventDraft> drafts, Precondition precondition, AppendDone done) {
    Append(std::move(drafts), std::move(precondition), std::move(done));
  }

  // Has the writer take what was enqueued. True when it is so little, and nobody else is writing,
  // that a caller who may wait does better to write it itself by Lead(): one thread's turn is
  // cheaper than waking another and being woken by it (leveldb's leaders and followers).
  virtual bool Kick(bool /*may_lead*/) { return false; }

  // Writes on the calling thread what waits. Blocks for the time of a commit.
  virtual void Lead() {}
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_EVENT_APPENDER_H_
