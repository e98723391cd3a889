// Keeps runs/<job>/state.json and runs/<job>/gates/<gate>.json current.
#ifndef STAGELOG_FOLLOW_STATE_FILES_H_
#define STAGELOG_FOLLOW_STATE_FILES_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "base/result.h"
#include "core/commit_listener.h"
#include "core/follower.h"
#include "core/job_source.h"
#include "core/journal_status.h"
#include "follow/job_states.h"
#include "follow/state_file_writer.h"

namespace stagelog {

// One thread. A job is written within a second of its event, together with all later events until
// then, so that thousands of events a second cause few writes. Failed writes are retried every
// second and delay no other job.
//
// The cursor (see FollowCursor) advances about every ten seconds while there are new events, and
// only after everything up to it was synced. It deliberately lags one round: an active job is
// rewritten before its sync is due, so that each is synced once, when it has become quiet. Jobs
// later than the cursor are rewritten at the next start.
class StateFiles : public CommitListener, public Follower {
 public:
  // The five outlive this object. `runs_dir` is there. `rewrite_all`: the files of every job are
  // written, whatever the cursor says.
  StateFiles(FileSystem& files, JobSource& source, JournalStatusSource& status, Clock& clock,
             MetricsRegistry& metrics, std::string runs_dir, bool rewrite_all = false);
  ~StateFiles() override;  // as Stop()

  void Start();

  // Writes what is behind, once and not for longer than some seconds, moves the cursor on and ends
  // the thread. The journal announces nothing any more. Idempotent; without Start() before it
  // nothing is written.
  void Stop();

  // Number of seqs from the first event that a file still lacks to the head. Up to one second of
  // events is normal. Safe from any thread.
  int64_t LagEvents() const;

  // One turn: waits (if it may) until there is something to do and does it. False when stopped.
  // Tests call it themselves instead of Start().
  bool RunOnce(bool may_wait = true);

  void OnCommit(const CommittedBatchPointer& batch) override;
  void OnJobDeleted(const std::string& job_id, int64_t seq) override;

  // LagEvents(), and what keeps the first of the jobs whose files cannot be written.
  FollowerStatus GetFollowerStatus() const override;

 private:
  // Jobs with the seq of the first event that their files may lack.
  using BehindSince = std::unordered_map<std::string, int64_t>;

  bool AwaitWork(bool may_wait);
  int64_t NextWorkMicros() const STAGELOG_REQUIRES(mutex_);

  void CatchUp();
  void WriteFresh(int64_t now_micros);
  void RetryFailed(int64_t now_micros);
  void WriteBacklog();
  void WriteJob(const std::string& job_id, int64_t since_seq);
  Status TryWriteJob(const std::string& job_id);
  void OnFailure(const std::string& job_id, int64_t since_seq, const Error& error);
  void ShowProblem(const std::string& problem);

  int64_t CoveredThrough() const STAGELOG_REQUIRES(mutex_);
  void MoveCursor(int64_t now_micros);
  bool BeginCheckpoint();
  bool SyncSome();
  void EndCheckpoint();
  void Finish();

  FileSystem& files_;
  JobSource& source_;
  JournalStatusSource& status_;
  Clock& clock_;
  const std::string runs_dir_;
  const bool rewrite_all_;
  Counter& failures_total_;
  std::atomic<int64_t> covered_seq_{0};  // as CoveredThrough() last said

  // The thread's own. Times are monotonic; INT64_MAX: never.
  JobStates states_;
  StateFileWriter writer_;
  bool has_caught_up_ = false;        // knows what the last run has left behind
  std::vector<std::string> backlog_;  // that, the youngest job last
  BehindSince failed_;
  int64_t retry_at_micros_ = INT64_MIN;  // for `failed_`, and for catching up
  int64_t cursor_seq_ = 0;               // as it stands in its file
  // The cursor's next place, when its time comes, and what is left to sync for it then.
  int64_t next_cursor_seq_ = 0;
  int64_t checkpoint_at_micros_ = INT64_MAX;
  bool is_syncing_ = false;
  std::vector<std::string> sync_queue_;
  bool cursor_failed_ = false;  // and the log knows of it

  mutable Mutex mutex_;
  ConditionVariable wake_;
  std::string problem_ STAGELOG_GUARDED_BY(mutex_);  // for GetFollowerStatus()
  // Guarded by mutex_, as is all that follows.
  BehindSince fresh_ STAGELOG_GUARDED_BY(mutex_);
  int64_t fresh_due_micros_ STAGELOG_GUARDED_BY(mutex_) = 0;
  int64_t fresh_since_seq_ STAGELOG_GUARDED_BY(mutex_) = 0;  // the least in `fresh_`
  int64_t announced_seq_ STAGELOG_GUARDED_BY(mutex_) = 0;
  bool stopping_ STAGELOG_GUARDED_BY(mutex_) = false;

  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_STATE_FILES_H_
