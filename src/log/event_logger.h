// The journal: takes drafts from any thread, commits them in groups, and only then shows them to
// anyone.
#ifndef STAGELOG_LOG_EVENT_LOGGER_H_
#define STAGELOG_LOG_EVENT_LOGGER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
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
#include "base/result.h"
#include "base/side_thread.h"
#include "core/commit_listener.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/job_deleter.h"
#include "core/job_state.h"
#include "core/journal_status.h"
#include "core/refusal.h"
#include "core/retention_runner.h"
#include "log/append_queue.h"
#include "log/batch_stager.h"
#include "log/event_reader.h"
#include "log/event_trimmer.h"
#include "log/job_compressor.h"
#include "log/job_files.h"
#include "log/job_remover.h"
#include "log/recovery.h"
#include "log/retention.h"
#include "log/run_lock.h"

namespace stagelog {

struct EventLoggerOptions {
  std::string runs_dir = "runs";
  size_t open_files = 256;                // events.jsonl kept open
  size_t queue_bytes = size_t{64} << 20;  // of drafts that wait for the writer
  int64_t idle_sync_micros = 5'000'000;   // a file not appended to for so long is synced and noted
  int64_t retry_micros = 1'000'000;       // between attempts to come back after a failure
  bool rebuild_states = false;            // fold every job anew at the first open
  RetentionOptions retention;             // nothing goes
  size_t group_requests = 4'096;          // that go into one commit
  // A group whose drafts are so large is committed on another thread, and the next staged
  // meanwhile.
  size_t overlap_bytes = size_t{64} << 10;
};

// One thread at a time writes: the writer's own, or one that leads a small group because it would
// only wait for it. The writer leaves the table and the files of a large group to a thread beside
// it and stages the next one meanwhile, as far as that needs memory alone. What fails is handled
// like this:
//  - before the commit: the requests of the group are refused (journal_unavailable), nothing
//  changed;
//  - at the commit: they are refused with the outcome unknown, and the journal is opened anew;
//  - after the commit: they are acknowledged, and the journal is opened anew, which mends the
//  files.
// Until it is open again, appends are refused and reads go on.
class EventLogger : public EventAppender,
                    public JobDeleter,
                    public RetentionRunner,
                    public JournalStatusSource {
 public:
  // Takes the lock of the runs folder (created when missing) and recovers what is there.
  static Result<std::unique_ptr<EventLogger>> Open(EventLoggerOptions options, FileSystem& files,
                                                   Clock& clock, MetricsRegistry& metrics);
  ~EventLogger() override;

  // Before Start(). Listeners are told of every commit in order, by whoever writes; they outlive
  // Stop().
  void AddListener(CommitListener* listener) { listeners_.push_back(listener); }

  void Start();

  // Writes what was taken, refuses what comes later, syncs and notes the files, closes the
  // database. Idempotent.
  void Stop();

  // One turn of the writer: waits (if it may) until there is something to do and does it. False
  // when stopped. Tests call it themselves instead of Start().
  bool RunOnce(bool may_wait = true);

  void Append(std::vector<EventDraft> drafts, Precondition precondition, AppendDone done) override;
  void Enqueue(std::vector<EventDraft> drafts, Precondition precondition, AppendDone done) override;
  bool Kick(bool may_lead) override;
  void Lead() override;
  void DeleteJob(std::string job_id, std::string actor, DeleteDone done) override;
  void RunRetention(bool dry_run, RetentionDone done) override;
  JournalStatus GetStatus() const override;
  bool IsDeleted(const std::string& job_id) const override;
  EventReader& reader() { return *reader_; }

  // Whether opening has folded every job anew. Before Start().
  bool states_were_rebuilt() const { return states_were_rebuilt_; }

 private:
  using Request = AppendRequest;
  struct Answer {
    AppendDone done;
    AppendOutcome outcome;
    bool rests_on_commit = false;
    int64_t pushed_micros = 0;  // monotonic
  };
  struct Deletion {
    std::string job_id;
    std::string actor;
    DeleteDone done;
  };
  struct RetentionCall {
    bool dry_run = false;
    RetentionDone done;
  };
  enum class WriteFailure { kNone, kBeforeCommit, kAtCommit, kAfterCommit };
  struct Group;

  EventLogger(EventLoggerOptions options, FileSystem& files, Clock& clock, MetricsRegistry& metrics,
              RunLock lock);

  Status OpenTable();
  void LogRecovery(const RecoveryReport& report) const;

  void Push(Request request, bool wakes);
  std::optional<Refusal> Admit(Request& request, bool wakes);
  std::optional<Refusal> RefusalOfNow() const;
  static Refusal Unavailable(const std::string& problem, const char* outcome);
  bool TakeTurn();
  int64_t NextTimerMicros() const;

  // A group on its way (event_logger_write.cc).
  void Process(std::vector<Request> requests);
  std::unique_ptr<Group> NewGroup();
  Status PrepareFile(const std::string& job_id, const JobState* job);
  Status MakeRoomForNewJob(const std::string& job_id);
  std::vector<Request> CommitBetween(Group* committed, Group& group, Group& next);
  std::vector<Request> StageAhead(Group& next);
  void StageAll(std::vector<Request> requests, Group& group);
  static void AddAnswer(Request& request, Group& group);
  void StageOne(Request& request, Group& group, Answer& answer);
  void CountDuplicates(const std::vector<AppendedEvent>& places);
  void WriteStates(Group& group);
  void Commit(Group& group);
  void Publish(Group& group);
  void Conclude(Group* committed, Group& group, Group* next, std::vector<Request> waiting);
  void SendAnswers(Group& group);
  Status ReserveSeqs();
  Status PublishEvents(BatchStager& stager);
  Status TellWhatIsNoted(const std::string& job_id);
  Status AppendToFiles(const BatchStager& stager);
  void Announce(const CommittedBatchPointer& batch);
  void AnnounceMissed();

  // Upkeep (event_logger_upkeep.cc): slices between two groups of appends.
  Status LearnDeleted();
  bool HasUpkeep() const;
  void DoUpkeep();
  void CompareFilesAnew(const std::unordered_set<std::string>& job_ids);
  void BeginDeletion(Deletion deletion);
  void FinishDeletion(const Tombstone& tombstone);
  bool RetentionIsDue() const;
  void StepRetention();
  void StepTrimming();
  void StepCompression();
  void BeginOldThing(const RetentionAction& action);
  void DeleteIfUnchanged(const RetentionAction& action);
  void NameInReport(const RetentionAction& action);
  void BeginCompression(const RetentionAction& action);
  void BeginRetention();
  void LookForOldThings();
  void FinishRetention();
  void AbandonRetention(const std::string& problem);
  void AbandonUpkeep(const std::string& problem);

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

  Counter& events_total_;
  Counter& duplicates_total_;
  Counter& batches_total_;
  Counter& failures_total_;
  Histogram& commit_seconds_;
  Histogram& append_seconds_;
  Counter& events_dropped_total_;
  Counter& jobs_compressed_total_;
  Counter& compression_saved_bytes_total_;
  Counter& compression_failures_total_;
  Counter& jobs_deleted_total_;

  AppendQueue queue_;

  std::atomic<bool> is_writing_{false};      // the writer's own thread is
  std::atomic<bool> commit_is_over_{false};  // the one on the commit thread

  // Held by whoever writes. All that follows is the writer's own, and so is what its commit thread
  // touches while it works.
  std::mutex writing_;
  std::unique_ptr<EventTable> table_;
  std::unique_ptr<EventTable> failed_table_;  // only while the table is closed; nobody uses it
  JournalIdentity identity_;
  Sequencer sequencer_;
  JobCache cache_;
  JobFiles job_files_;
  JobRemover remover_;
  std::map<std::string, Tombstone> untold_deletions_;  // decided; the listeners do not know yet
  EventTrimmer trimmer_;
  JobCompressor compressor_;
  Retention retention_;
  std::deque<RetentionAction> old_things_;  // of the pass under way, still to be done
  std::optional<RetentionCall> pass_;       // whose pass it is
  RetentionReport pass_report_;
  int64_t next_pass_micros_ = 0;  // monotonic
  int64_t announced_seq_ = 0;
  bool closed_ = false;
  int64_t retry_at_micros_ = 0;                 // monotonic; only while the table is closed
  int64_t reopened_at_micros_ = INT64_MIN / 2;  // monotonic; when it was opened anew last
  std::vector<CommitListener*> listeners_;
  std::unique_ptr<EventReader> reader_;
  bool states_were_rebuilt_ = false;
  std::atomic<bool> corruption_seen_{false};

  mutable std::mutex status_mutex_;
  JournalStatus status_;  // guarded by status_mutex_, as is all that follows
  bool stopping_ = false;
  std::vector<Deletion> deletions_;
  std::deque<RetentionCall> retention_calls_;
  std::unordered_set<std::string> deleted_;           // jobs
  std::unordered_set<std::string> files_to_compare_;  // jobs whose file has lost a line

  std::unique_ptr<SideThread> commit_thread_;  // none before Start()
  std::thread writer_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_EVENT_LOGGER_H_
