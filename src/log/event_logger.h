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
#include "base/single_task_thread.h"
#include "core/commit_listener.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/job_deleter.h"
#include "core/job_state.h"
#include "core/journal_status.h"
#include "core/refusal.h"
#include "log/append_queue.h"
#include "log/batch_stager.h"
#include "log/commit_announcer.h"
#include "log/event_reader.h"
#include "log/job_cache.h"
#include "log/job_deletions.h"
#include "log/job_file_follower.h"
#include "log/job_tables.h"
#include "log/journal_health.h"
#include "log/maintenance_task.h"
#include "log/recovery.h"
#include "log/run_lock.h"
#include "log/writer_metrics.h"

namespace stagelog {

struct EventLoggerOptions {
  std::string runs_dir = "runs";
  size_t open_files = 256;                // events.jsonl kept open
  size_t queue_bytes = size_t{64} << 20;  // of drafts that wait for the writer
  int64_t idle_sync_micros = 5'000'000;   // a file idle for so long is synced and stamped
  int64_t retry_micros = 1'000'000;       // between attempts to come back after a failure
  bool rebuild_states = false;            // fold every job anew at the first open
  size_t group_requests = 4'096;          // that go into one commit
  // A group with at least this many bytes of drafts is committed on another thread while the next
  // is staged.
  size_t overlap_bytes = size_t{64} << 10;
  // JobTables::Options
  int64_t table_delay_micros = 10'000;
  int64_t table_slice_micros = 5'000;
  int64_t max_table_lag_events = 200'000;
};

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
  void AddListener(CommitListener* listener) { announcer_.AddListener(listener); }

  // Before Start(). A task gets its slices when no deletion and no task added earlier has work. It
  // outlives Stop().
  void AddMaintenance(MaintenanceTask* task) { tasks_.push_back(task); }

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
  JournalStatus GetStatus() const override { return health_.Get(); }
  bool IsDeleted(const std::string& job_id) const override { return deletions_.IsDeleted(job_id); }
  bool IsFileBehind(const std::string& job_id) const override {
    return health_.IsFileBehind(job_id);
  }
  EventReader& reader() { return *reader_; }
  const Follower& job_tables() const { return job_tables_; }

  // For tasks, any thread: JournalHealth::GetRefusal().
  std::optional<Refusal> GetRefusal() const { return health_.GetRefusal(); }
  // For tasks, any thread: there is work now.
  void WakeWriter() { queue_.Wake(); }

  // Whether opening has rebuilt the state of every job. Before Start().
  bool states_were_rebuilt() const { return states_were_rebuilt_; }

 private:
  using Request = AppendRequest;
  struct Answer {
    AppendDone done;
    AppendOutcome outcome;
    bool depends_on_commit = false;
    int64_t pushed_micros = 0;  // monotonic
  };
  enum class WriteFailure { kNone, kBeforeCommit, kAtCommit, kAfterCommit };
  struct Group;

  EventLogger(EventLoggerOptions options, FileSystem& files, Clock& clock, MetricsRegistry& metrics,
              RunLock lock);

  Status OpenTable();

  void Push(Request request, bool wakes);
  std::optional<Refusal> Admit(Request& request, bool wakes);
  bool TakeTurn();
  int64_t NextTimerMicros() const;

  // Committing a group (event_logger_write.cc).
  void Process(std::vector<Request> requests);
  std::unique_ptr<Group> NewGroup();
  void PrepareFile(const std::string& job_id, const JobState* job);
  std::vector<Request> CommitBetween(Group* committed, Group& group, Group& next);
  std::vector<Request> StageAhead(Group& next);
  void StageAll(std::vector<Request> requests, Group& group);
  static void AddAnswer(Request& request, Group& group);
  void StageOne(Request& request, Group& group, Answer& answer);
  void CountDuplicates(const std::vector<AppendedEvent>& places);
  void BeginCommit(Group& group);
  void Commit(Group& group);
  void Publish(Group& group);
  void Conclude(Group* committed, Group& group, Group* next, std::vector<Request> waiting);
  void SendAnswers(Group& group);
  Status ReserveSeqs();
  void QueueForTables(BatchStager& stager);
  Status PublishEvents(BatchStager& stager);
  Status AppendToFiles(BatchStager& stager);
  Status NoteObstructedFiles();
  void ShowObstructedFiles();

  // Deletions and maintenance (event_logger_upkeep.cc): slices between two groups of appends.
  bool HasUpkeep() const;
  bool HasMaintenance() const;
  void DoUpkeep();
  Status DoSlice();
  void WriteTableSlice();
  bool WriteTables();
  bool LimitTableLag();
  void OnTablesFailed(const SQLite::Exception& problem);
  void RecompareFiles(const std::unordered_set<std::string>& job_ids);
  void RepairFile();
  void UpdateObstructedFiles();
  void CompareClock();
  void AbandonTasks(const std::string& problem);

  void CloseAfterFailure(const std::string& problem);
  void ReopenSoon();
  void TryReopen();
  void RefuseAll(std::vector<Request> requests);
  void SyncIdleFiles(int64_t before_micros);
  void CloseCleanly();

  EventLoggerOptions options_;
  FileSystem& files_;
  Clock& clock_;
  RunLock lock_;

  JournalHealth health_;
  WriterMetrics metrics_;
  AppendQueue queue_;

  std::atomic<bool> is_writing_{false};   // the writer's own thread is
  std::atomic<bool> commit_done_{false};  // the one on the commit thread

  // Held by the writing thread. Everything below belongs to it, as does what its commit thread uses
  // while it works.
  std::mutex writing_;
  std::unique_ptr<EventTable> table_;
  std::unique_ptr<EventTable> failed_table_;  // only while the table is closed; nobody uses it
  JournalIdentity identity_;
  Sequencer sequencer_;
  JobCache cache_;
  JobTables job_tables_;
  JobFileFollower job_files_;
  CommitAnnouncer announcer_;
  JobDeletions deletions_;
  int64_t clock_lag_micros_ = 0;  // of the clock behind the newest event, while the log says so
  bool closed_ = false;
  bool is_slowed_ = false;       // by tables that are behind, and the log knows of it
  int64_t retry_at_micros_ = 0;  // monotonic; only while the table is closed
  int64_t reopened_at_micros_ = INT64_MIN / 2;  // monotonic; last time it was reopened
  std::vector<MaintenanceTask*> tasks_;
  std::unique_ptr<EventReader> reader_;
  bool states_were_rebuilt_ = false;
  std::atomic<bool> corruption_seen_{false};

  mutable Mutex compare_mutex_;
  std::unordered_set<std::string> files_to_compare_
      STAGELOG_GUARDED_BY(compare_mutex_);  // jobs whose file has lost a line

  std::unique_ptr<SingleTaskThread> commit_thread_;  // none before Start()
  std::thread writer_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_EVENT_LOGGER_H_
