// Keeps every job's events.jsonl complete: the one follower of the log that is written before an
// append is acknowledged.
#ifndef STAGELOG_LOG_JOB_FILE_FOLLOWER_H_
#define STAGELOG_LOG_JOB_FILE_FOLLOWER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"
#include "base/single_task_thread.h"
#include "core/job_state.h"
#include "core/journal_status.h"
#include "log/file/job_files.h"
#include "log/job_file_repair.h"
#include "log/journal_identity.h"
#include "log/table/event_table.h"

namespace stagelog {

// A file that cannot be written makes only its own job lag. The job is "obstructed": its lines are
// not written, its events are accepted and served from the database. A repair is tried at once,
// then after one retry interval and less and less often, up to once in 60 intervals; a file that is
// obstructed over and over is repaired less often too. The repair compares the file, sets aside
// what differs, and writes the missing lines.
//
// The caller notes the obstructed files in journal.json (NeedsNote(), OwedFiles()) before it
// acknowledges an append: a rebuild without the database can then name what it cannot have.
//
// Writer thread only, except for the repair itself, which runs on a thread of its own.
class JobFileFollower {
 public:
  // More files than this that cannot be written at once are no matter of single files any more.
  static constexpr size_t kMaxObstructed = 1'000;

  struct Options {
    std::string runs_dir;
    size_t open_files = 256;
    int64_t retry_micros = 1'000'000;
  };

  // `wake` is called when a repair has ended; by its thread.
  JobFileFollower(FileSystem& files, Clock& clock, Options options, std::function<void()> wake);
  ~JobFileFollower();

  // Repairs run on a thread of their own from now on; before that, within Step().
  void StartThread();

  // Makes the file ready for an append, before its commit: a compressed one is made plain, and what
  // is in the way of a new job (`job` is null) is set aside and added to `set_aside`.
  void Prepare(const std::string& job_id, const JobState* job, EventTable& table,
               std::vector<std::string>& set_aside);

  // Appends committed lines; the first has this job_seq.
  void Append(const std::string& job_id, std::string_view lines, int64_t first_job_seq);

  // The attributes that the database has noted of the job's file, if it was not used since.
  Status LoadStamp(const std::string& job_id, EventTable& table);

  void Obstruct(const std::string& job_id, int64_t first_missing_job_seq,
                const std::string& problem, bool sync_failed = false);
  bool IsObstructed(const std::string& job_id) const { return obstructed_.contains(job_id); }
  size_t obstructed_count() const { return obstructed_.size(); }
  // The first hundred, in the order of job_id.
  std::vector<ObstructedFile> ObstructedFiles() const;
  std::vector<OwedFile> OwedFiles() const;  // all, in the order of job_id

  // True if OwedFiles() has grown since Noted(). HasChanged(): or shrunk.
  bool NeedsNote() const { return needs_note_; }
  bool HasChanged() const { return needs_note_ || note_is_stale_; }
  void Noted() { needs_note_ = note_is_stale_ = false; }

  // --- Repairs: between two commits ---

  bool HasWork() const;              // Step() would do something now
  int64_t NextRepairMicros() const;  // monotonic; INT64_MAX: none is planned
  // Begins the repair that is due, or ends the one that was done on the other thread. Returns what
  // that did, if it is complete. Throws SQLite::Exception, with the transaction rolled back.
  std::optional<JobRepair> Step(EventTable& table);

  // The journal is about to be closed: tries once more, here and now, with each file, until the
  // monotonic time `until_micros`. Throws SQLite::Exception.
  void RepairAll(EventTable& table, int64_t until_micros);

  // --- The files ---

  JobFiles& files() { return job_files_; }
  const JobFiles& files() const { return job_files_; }
  // The job was deleted: waits for its repair to end.
  void Forget(const std::string& job_id);
  // Waits for a repair, closes all files and forgets everything.
  void Clear();

 private:
  struct Obstruction {
    int64_t first_missing_job_seq = 1;
    std::string problem;
    bool is_new_job = false;
    bool sync_failed = false;
    int attempts = 0;
    int64_t retry_at_micros = 0;  // monotonic
  };
  // The repair under way on the thread.
  struct Running {
    JobFileRepairRequest request;
    std::optional<Result<JobFileRepairResult>> result;
    std::atomic<bool> is_done = false;
  };
  // A job whose file was repaired some time ago.
  struct Repaired {
    int attempts = 0;
    int64_t at_micros = 0;  // monotonic
  };

  Status PrepareFile(const std::string& job_id, const JobState* job, EventTable& table,
                     std::vector<std::string>& set_aside);
  std::optional<std::string> DueJob() const;
  Result<JobFileRepairResult> RepairHere(const JobFileRepairRequest& request, EventTable& table);
  std::optional<JobRepair> Finish(const std::string& job_id, Result<JobFileRepairResult> result,
                                  EventTable& table);
  bool AppendTail(const std::string& job_id, const JobFileRepairResult& result, EventTable& table);
  void PutOff(const std::string& job_id, const std::string& problem);
  int64_t LongestWait() const;
  int64_t WaitAfter(int attempts) const;
  void ObstructFailedCloses();
  void StopRunning();

  FileSystem& filesystem_;
  Clock& clock_;
  const Options options_;
  const std::function<void()> wake_;
  JobFiles job_files_;
  std::map<std::string, Obstruction> obstructed_;
  std::map<std::string, Repaired> repaired_;  // by job; of the last minutes
  bool needs_note_ = false;
  bool note_is_stale_ = false;
  std::atomic<bool> is_cancelled_ = false;  // the repair under way is to end
  std::unique_ptr<Running> running_;
  std::unique_ptr<SingleTaskThread> thread_;  // none before StartThread()
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOB_FILE_FOLLOWER_H_
