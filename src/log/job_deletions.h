// Deletions of whole jobs: from the request to the answer and the notice to the listeners.
#ifndef STAGELOG_LOG_JOB_DELETIONS_H_
#define STAGELOG_LOG_JOB_DELETIONS_H_

#include <deque>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "core/job_deleter.h"
#include "core/refusal.h"
#include "log/commit_announcer.h"
#include "log/file/tombstones.h"
#include "log/job_remover.h"
#include "log/journal_health.h"
#include "log/table/event_table.h"
#include "log/writer_access.h"

namespace stagelog {

// On the writing thread, where nothing else is said. Each request is answered once, by Step() or by
// Abandon(). JobRemover says what is durable when.
class JobDeletions {
 public:
  struct Request {
    std::string job_id;
    std::string actor;  // who asked for it; empty for retention
    DeleteDone done;
  };

  JobDeletions(FileSystem& files, std::string runs_dir, Clock& clock, MetricsRegistry& metrics,
               const JournalHealth& health, CommitAnnouncer& announcer);

  // Any thread. Step() begins the deletions in the order of the requests. Refused while the journal
  // takes no requests; moves from `request` only if it is accepted.
  std::optional<Refusal> Add(Request& request);
  // Any thread. True from the moment on at which the deletion is decided.
  bool IsDeleted(const std::string& job_id) const;

  // The journal was opened, which has finished deletions: AnnounceMissed() announces those that
  // this object has not. Nobody has listened before the first time: ForgetMissed().
  Status Load(EventTable& table);
  void AnnounceMissed();
  void ForgetMissed() { missed_.clear(); }

  // Whether Step() has something to do.
  bool HasWork() const;
  // The monotonic time at which it will have by itself: a folder could not be removed.
  int64_t NextDueMicros() const { return left_.empty() ? INT64_MAX : retry_at_micros_; }

  // One slice: begins a deletion that was requested, else does a part of the first one under way.
  // After a failure, or if this throws SQLite::Exception, the journal has to be reopened.
  Status Step(WriterAccess& access);

  // Decides the deletion now, and announces it; it is carried out by Step(). Failures are those of
  // Step().
  Status Begin(WriterAccess& access, Request request);

  // Refuses the requests that were not begun, because of `problem`.
  void RefuseRequests(const std::string& problem);

  // The journal was closed because of `problem`. Refuses the requests, those under way with the
  // outcome unknown: opening the journal finishes them.
  void Abandon(const std::string& problem);

 private:
  bool HasRequests() const;
  Request TakeRequest();
  Status RemoveSome(EventTable& table);
  void Announce(const Tombstone& tombstone);

  Clock& clock_;
  Counter& jobs_deleted_total_;
  const JournalHealth& health_;
  CommitAnnouncer& announcer_;
  JobRemover remover_;
  std::deque<DeleteDone> waiting_;  // for the jobs in the remover, in its order
  std::vector<Tombstone> missed_;   // in the order of the log
  std::deque<Tombstone> left_;      // their folders could not be removed
  int64_t retry_at_micros_ = 0;     // monotonic

  mutable Mutex mutex_;
  std::deque<Request> requests_ STAGELOG_GUARDED_BY(mutex_);  // not begun
  std::unordered_set<std::string> deleted_ STAGELOG_GUARDED_BY(mutex_);
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOB_DELETIONS_H_
