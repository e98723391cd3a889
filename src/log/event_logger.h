// The journal: accepts drafts from any thread, commits them in groups, and makes them visible only
// after the commit.
#ifndef STAGELOG_LOG_EVENT_LOGGER_H_
#define STAGELOG_LOG_EVENT_LOGGER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "core/commit_listener.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/job_deleter.h"
#include "core/job_state.h"
#include "core/journal_status.h"
#include "core/refusal.h"
#include "log/append_queue.h"
#include "log/event_logger_options.h"
#include "log/event_reader.h"
#include "log/group_commit.h"
#include "log/job_table_slices.h"
#include "log/journal_upkeep.h"
#include "log/maintenance_task.h"
#include "log/obstructed_file_notes.h"
#include "log/recovery.h"
#include "log/run_lock.h"
#include "log/writer_parts.h"

namespace stagelog {

// One thread at a time writes: the writer's own, or a caller that commits a small group inline
// because it would only wait for it. A large group is written by the commit thread while the writer
// stages the next one, as far as that needs memory alone. Failures:
// - before the commit: the requests of the group are refused (journal_unavailable), nothing has
//   changed, and the journal is reopened;
// - at the commit: they are refused with the outcome unknown, and the journal is reopened;
// - after the commit: they are acknowledged. A job's file that fails concerns its own job
//   (JobFileFollower); if journal.json cannot name it, the journal is reopened.
// While it is closed, appends are refused and reads continue.
class EventLogger : public EventAppender, public JobDeleter, public JournalStatusSource {
 public:
  // Locks the runs folder (created if missing) and recovers the journal in it.
  static Result<std::unique_ptr<EventLogger>> Open(EventLoggerOptions options, FileSystem& files,
                                                   Clock& clock, MetricsRegistry& metrics);
  ~EventLogger() override;

  // Before Start(). Listeners are notified of every commit in order, on the writing thread; they
  // outlive Stop().
  void AddListener(CommitListener* listener) { parts_.announcer.AddListener(listener); }

  // Before Start(). A task gets its slices when no deletion and no task added earlier has work. It
  // outlives Stop().
  void AddMaintenance(MaintenanceTask* task) { parts_.tasks.push_back(task); }

  void Start();

  // Writes accepted requests, refuses later ones, syncs the files and records their stamps, closes
  // the database. Idempotent.
  void Stop();

  // One turn of the writer: waits (if it may) until there is something to do and does it. False
  // when stopped. Tests call it themselves instead of Start().
  bool RunOnce(bool may_wait = true);

  void Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
              AppendDone done) override;
  void Enqueue(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
               AppendDone done) override;
  bool NotifyWriter(bool may_commit_inline) override;
  void CommitInline() override;
  void DeleteJob(std::string job_id, std::string actor, DeleteDone done) override;
  JournalStatus GetStatus() const override { return parts_.health.Get(); }
  bool IsDeleted(const std::string& job_id) const override {
    return parts_.deletions.IsDeleted(job_id);
  }
  bool IsFileBehind(const std::string& job_id) const override {
    return parts_.health.IsFileBehind(job_id);
  }
  EventReader& reader() { return reader_; }
  const Follower& job_tables() const { return parts_.job_tables; }

  // For tasks, any thread: JournalHealth::GetRefusal().
  std::optional<Refusal> GetRefusal() const { return parts_.health.GetRefusal(); }
  // For tasks, any thread: there is work now.
  void WakeWriter() { parts_.queue.Wake(); }

  // Whether opening has rebuilt the state of every job. Before Start().
  bool states_were_rebuilt() const { return states_were_rebuilt_; }

 private:
  using Request = AppendRequest;

  EventLogger(EventLoggerOptions options, FileSystem& files, Clock& clock, MetricsRegistry& metrics,
              RunLock lock);

  Status OpenTable();

  void Push(Request request, bool wakes);
  std::optional<Refusal> Admit(Request& request, bool wakes);
  bool TakeTurn();
  bool LimitTableLag();
  void Write(std::vector<Request> requests);
  void DoUpkeep();
  int64_t NextTimerMicros() const;

  void CloseAfterFailure(const std::string& problem);
  void ReopenSoon();
  void TryReopen();
  void RefuseAll(std::vector<Request> requests);
  void SyncIdleFiles(int64_t before_micros);
  void CloseCleanly();

  WriterParts parts_;

  std::atomic<bool> is_writing_{false};  // the writer's own thread is

  // Held by the writing thread. Everything below belongs to it, and `parts_` as that says itself.
  std::mutex writing_;
  ObstructedFileNotes notes_{parts_};
  JobTableSlices tables_{parts_};
  JournalUpkeep upkeep_{parts_, tables_, notes_};
  bool closed_ = false;
  int64_t retry_at_micros_ = 0;                 // monotonic; only while the table is closed
  int64_t reopened_at_micros_ = INT64_MIN / 2;  // monotonic; last time it was reopened
  EventReader reader_;
  bool states_were_rebuilt_ = false;

  GroupCommit group_commit_{parts_, upkeep_, notes_};
  std::thread writer_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_EVENT_LOGGER_H_
