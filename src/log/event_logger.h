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
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "base/result.h"
#include "core/commit_listener.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/follower.h"
#include "core/job_deleter.h"
#include "core/journal_status.h"
#include "core/refusal.h"
#include "log/append_queue.h"
#include "log/event_logger_options.h"
#include "log/journal_writer.h"
#include "log/maintenance_task.h"
#include "log/recovery.h"
#include "log/run_lock.h"
#include "log/table/event_reader.h"
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
  bool states_were_rebuilt() const { return writer_.states_were_rebuilt(); }

 private:
  EventLogger(EventLoggerOptions options, FileSystem& files, Clock& clock, MetricsRegistry& metrics,
              RunLock lock);

  void Push(AppendRequest request, bool wakes);
  std::optional<Refusal> Admit(AppendRequest& request, bool wakes);

  WriterParts parts_;
  EventReader reader_;
  std::atomic<bool> is_writing_{false};    // the writer's own thread is
  std::mutex writing_;                     // held by the writing thread
  JournalWriter writer_{parts_, reader_};  // belongs to the writing thread
  std::thread thread_;                     // the writer's own; none before Start()
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_EVENT_LOGGER_H_
