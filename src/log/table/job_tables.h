// Keeps the tables of jobs up to date with the log: the list of events by job, and the rows of
// jobs, stages, gates and snapshots.
#ifndef STAGELOG_LOG_TABLE_JOB_TABLES_H_
#define STAGELOG_LOG_TABLE_JOB_TABLES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "core/follower.h"
#include "core/job_machine.h"
#include "log/table/event_table.h"
#include "log/table/job_cache.h"

namespace stagelog {

// A follower of the log that shares the log's connection. It is not part of a commit: a commit
// would otherwise write a page of each table for each job in it. The changes of many commits are
// written together, in slices between two commits. A slice is synced: were its pages in the
// write-ahead log and not on the disk, a later sync that fails could take back what readers and
// checkpoints already rely on.
//
// The states of the jobs that are still to be written stay in the cache. Slices are due some
// milliseconds after a commit, or at once when a reader waits. After a failed slice the tables
// lag, and the next attempt is made one retry interval later.
//
// Writing thread only, but for what says otherwise.
class JobTables : public Follower {
 public:
  struct Options {
    int64_t delay_micros = 10'000;  // from a commit to the slice that writes its changes
    // About how long a slice takes at least, if there is so much to write; eight times as long at
    // most, where the tables are behind or somebody waits.
    int64_t slice_micros = 5'000;
    int64_t retry_micros = 1'000'000;
    // Beyond this the log has to wait for the tables.
    int64_t max_lag_events = 200'000;
  };

  // `wake` makes the writing thread look for work; called from any thread.
  JobTables(Clock& clock, Options options, std::function<void()> wake)
      : clock_(clock), options_(options), wake_(std::move(wake)) {}

  // The journal was opened: the tables are complete up to `seq`, the head of the log.
  void BeginAfter(int64_t seq);

  // The journal was closed. Whoever waits is not kept.
  void Clear();

  // A job was changed by a commit. `seqs` are its events, ascending.
  void Add(const std::string& job_id, const StateChanges& changes, int64_t before_job_seq,
           std::vector<int64_t> seqs, JobCache& cache);

  // After the last Add() of a commit.
  void Committed(int64_t last_seq);

  // The record at `seq`, the head of the log now, is no event. Nothing was pending, and a commit
  // has moved the tables' watermark there.
  void PassOver(int64_t seq);

  // Step() would do something now.
  bool IsDue() const;
  int64_t NextDueMicros() const;  // monotonic; INT64_MAX: never

  // Step() should not wait for the end of a turn of many commits: a reader waits, or much is left.
  bool IsUrgent() const;

  // Writes one slice. The states in `cache` are those at the head of the log. Throws
  // SQLite::Exception, with the transaction rolled back.
  void Step(EventTable& table, JobCache& cache);

  // Writes all that is left. Throws as Step().
  void CatchUp(EventTable& table, JobCache& cache);

  // A slice has failed because of `problem`.
  void PutOff(const std::string& problem);

  // From any thread: how many events the log is ahead. Not a difference of seqs, which jump where a
  // journal was restored.
  int64_t LagEvents() const { return pending_events_; }
  bool IsTooFarBehind() const { return LagEvents() >= options_.max_lag_events; }
  FollowerStatus GetFollowerStatus() const override;

  // True if the last slice has failed, and the next attempt is not due yet.
  bool IsPutOff() const { return has_failed_ && !IsDue(); }

  // From any thread but the writing one: returns when the tables are at most `max_lag_events`
  // behind the head of now, or after `timeout_micros`; at once if the journal is closed or the last
  // slice has failed.
  enum class Wait { kCurrent, kBehind, kClosed };
  Wait Await(int64_t max_lag_events, int64_t timeout_micros);

 private:
  // A job's changes that are to be written.
  struct Pending {
    StateChanges changes;
    int64_t before_job_seq = 0;
    std::vector<int64_t> seqs;
  };

  int64_t SliceMicros() const;
  void SetThrough(int64_t seq);
  void Write(const std::string& job_id, const Pending& pending, EventTable& table, JobCache& cache);

  Clock& clock_;
  const Options options_;
  const std::function<void()> wake_;
  std::unordered_map<std::string, Pending> pending_;  // by job
  std::map<int64_t, std::string> order_;              // the jobs by their first event in there
  int64_t due_at_micros_ = INT64_MAX;                 // monotonic
  bool has_failed_ = false;                           // the last slice
  int64_t ended_at_micros_ = 0;                       // monotonic; the last one
  std::atomic<int64_t> pending_events_ = 0;
  std::atomic<int64_t> head_seq_ = 0;
  std::atomic<int64_t> through_seq_ = 0;
  std::atomic<int64_t> awaited_seq_ = 0;  // the highest that anybody has waited for

  mutable Mutex mutex_;
  ConditionVariable advanced_;
  bool is_open_ STAGELOG_GUARDED_BY(mutex_) = false;
  std::string problem_ STAGELOG_GUARDED_BY(mutex_);
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_JOB_TABLES_H_
