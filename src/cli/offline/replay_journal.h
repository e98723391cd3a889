// A past run's events in a temporary database, to be served by the daemon's readers.
#ifndef STAGELOG_CLI_OFFLINE_REPLAY_JOURNAL_H_
#define STAGELOG_CLI_OFFLINE_REPLAY_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "cli/offline/event_sequence.h"
#include "cli/offline/temporary_folder.h"
#include "core/backup_maker.h"
#include "core/commit_listener.h"
#include "core/event.h"
#include "core/event_appender.h"
#include "core/event_source.h"
#include "core/job_deleter.h"
#include "core/job_state.h"
#include "core/journal_status.h"
#include "core/retention_runner.h"
#include "log/table/event_reader.h"
#include "log/table/event_table.h"

namespace stagelog::cli {

// Accepts no drafts: nothing can be added to a past run. Everything else is as in the daemon,
// including seq, ts, hash and bytes; except the journal id, which is new, the head, which is the
// last replayed event, and the job's end, which is not reported to readers of the log before the
// last event.
class ReplayJournal : public EventAppender,
                      public EventSource,
                      public JobDeleter,
                      public RetentionRunner,
                      public BackupMaker,
                      public JournalStatusSource {
 public:
  static CliResult<std::unique_ptr<ReplayJournal>> Create(Clock& clock);

  // Writes events of one job, which follow those before, in one transaction, and returns what is to
  // be announced. One thread at a time. kProblem where the disk does not take them.
  CliResult<CommittedBatchPointer> Put(const std::vector<StoredEvent>& events);

  // The event with this seq will be the last. Before it is put, on the same thread.
  void EndAt(int64_t seq) { last_seq_ = seq; }

  // Any thread, as those of the reader.
  Result<Page> Read(const ReadRequest& request) override;
  Result<int64_t> SeqAtTime(int64_t micros) override { return reader_->SeqAtTime(micros); }
  Result<int64_t> MostEventsOf(const std::string& job_id) override {
    return reader_->MostEventsOf(job_id);
  }

  // Always refuses (read_only), at once. Any thread.
  void Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
              AppendDone done) override;

  void DeleteJob(std::string job_id, std::string actor, DeleteDone done) override;
  void RunRetention(bool dry_run, RetentionDone done) override;
  void Backup(std::string name, BackupDone done) override;

  JournalStatus GetStatus() const override;
  EventReader& reader() { return *reader_; }

 private:
  ReplayJournal(std::unique_ptr<TemporaryFolder> folder, Clock& clock);

  void Write(const std::vector<StoredEvent>& events, CommittedBatch& batch);

  std::unique_ptr<TemporaryFolder> folder_;  // outlives what has its files open
  std::unique_ptr<EventTable> table_;
  std::unique_ptr<EventReader> reader_;
  JobState state_;
  std::atomic<int64_t> last_seq_ = INT64_MAX;  // not known yet
  mutable Mutex mutex_;
  JournalStatus status_ STAGELOG_GUARDED_BY(mutex_);  // guarded by mutex_
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_REPLAY_JOURNAL_H_
