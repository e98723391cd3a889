// Keeps runs/<job>/state.json and runs/<job>/gates/<gate>.json current.
#ifndef STAGELOG_FOLLOW_STATE_FILES_H_
#define STAGELOG_FOLLOW_STATE_FILES_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "core/commit_listener.h"
#include "core/job_source.h"
#include "core/journal_status.h"
#include "follow/follower_task.h"
#include "follow/job_states.h"
#include "follow/state_file_writer.h"

namespace stagelog {

// A job is written about a second after its event at the latest, unless hundreds are busy, together
// with all later events until then, so that thousands of events a second cause few writes. A job
// that cannot be written delays no other: it is the problem of the turn, and written again in the
// next retry.
//
// The cursor (see FollowCursor) advances about every ten seconds while there are new events, and
// only after everything up to it was synced. It deliberately lags one round: an active job is
// rewritten before its sync is due, so that each is synced once, when it has become quiet. Jobs
// later than the cursor are rewritten at the next start.
class StateFiles : public FollowerTask {
 public:
  // The five outlive this object. `runs_dir` is there. `rewrite_all`: the files of every job are
  // written, whatever the cursor says.
  StateFiles(FileSystem& files, JobSource& source, JournalStatusSource& status, Clock& clock,
             MetricsRegistry& metrics, std::string runs_dir, bool rewrite_all = false);

  std::string_view name() const override { return "state_files"; }

  // True where nothing was fresh: the thread has to know when the first job is due.
  bool Note(const CommittedBatchPointer& batch) override;
  bool NoteDeletion(const std::string& job_id, int64_t seq) override;

  WorkTime NextWork() override;

  // Fails where it cannot find out what the last run has left behind.
  Result<TurnOutcome> Work(const Turn& turn) override;

  // Up to the first event that a file still lacks. A lag of up to one second of events is normal.
  int64_t DoneThrough() const override { return covered_seq_; }

  // Writes what is behind, once and not for longer than some seconds, and moves the cursor on. The
  // journal announces nothing any more. Nothing is written where it never had a turn.
  void Finish() override;

 private:
  // Jobs with the seq of the first event that their files may lack.
  using BehindSince = std::unordered_map<std::string, int64_t>;

  Status CatchUp();
  void WriteFresh(int64_t now_micros);
  void RetryFailed();
  void WriteBacklog();
  void WriteJob(const std::string& job_id, int64_t since_seq);
  Status TryWriteJob(const std::string& job_id);
  void OnFailure(const std::string& job_id, int64_t since_seq, const Error& error);

  int64_t CoveredThrough() const STAGELOG_REQUIRES(mutex_);
  void MoveCursor(int64_t now_micros);
  void Checkpoint();
  bool BeginCheckpoint();
  bool SyncSome();
  void EndCheckpoint();

  FileSystem& files_;
  JobSource& source_;
  JournalStatusSource& status_;
  Clock& clock_;
  const std::string runs_dir_;
  const bool rewrite_all_;
  Counter& failures_total_;
  std::atomic<int64_t> covered_seq_{0};  // as CoveredThrough() last said

  // The runner's thread only. Times are Clock::BootMicros().
  JobStates states_;
  StateFileWriter writer_;
  bool has_caught_up_ = false;        // knows what the last run has left behind
  std::vector<std::string> backlog_;  // that, the youngest job last
  BehindSince failed_;
  std::string problem_;     // of the last one to fail
  int64_t cursor_seq_ = 0;  // as it stands in its file
  // The cursor's next place, when its time comes, and what is left to sync for it then.
  int64_t next_cursor_seq_ = 0;
  int64_t checkpoint_at_micros_ = WorkTime::kNever;
  bool is_syncing_ = false;
  std::vector<std::string> sync_queue_;
  bool cursor_failed_ = false;  // and the log knows of it

  Mutex mutex_;
  BehindSince fresh_ STAGELOG_GUARDED_BY(mutex_);
  int64_t fresh_due_micros_ STAGELOG_GUARDED_BY(mutex_) = 0;
  int64_t gather_micros_ STAGELOG_GUARDED_BY(mutex_);  // from a job's first event to that time
  int64_t fresh_since_seq_ STAGELOG_GUARDED_BY(mutex_) = 0;  // the least in `fresh_`
  int64_t announced_seq_ STAGELOG_GUARDED_BY(mutex_) = -1;   // -1: nothing yet
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_STATE_FILES_H_
