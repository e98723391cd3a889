// Compares one job's events.jsonl with the table, and repairs the difference.
#ifndef STAGELOG_LOG_JOB_FILE_RECONCILER_H_
#define STAGELOG_LOG_JOB_FILE_RECONCILER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file_system.h"
#include "log/file/line_reader.h"
#include "log/table/event_table.h"

namespace stagelog {

// What the comparison did.
struct JobRepair {
  int64_t lines_taken = 0;     // from the file into the table
  int64_t lines_appended = 0;  // from the table to the file
  bool tail_cut = false;       // a line torn by a crash was cut off
  int64_t lines_lost = 0;      // that only the file had, and has no more as they were committed
  std::vector<std::string> set_aside;  // the new names of files that differed
};

// Makes the file of one job and its rows agree (guarantee 8 in src/GUARANTEES.md):
// - lines missing in the table, if valid and chained to its last event, are imported;
// - a last line torn by a crash is cut off (one that does not begin like ours is a difference);
// - rows missing in the file are appended to it;
// - a file that differs in any other way is renamed events.jsonl.diverged-<time> and rewritten.
// A compressed file (stored_file.h) is compared by its content, and expanded if it has to grow. If
// both files exist, the plain one is used. For events that the table has dropped (file_events.h)
// the digests are compared. Lines that have changed are lost, and found again once a file with the
// original lines is put back. Runs inside a transaction of the caller, unless BeLive(). Throws
// SQLite::Exception; file errors are values.
class JobFileReconciler {
 public:
  // `time_suffix` names the moment in the names of files set aside. A line whose `ts` is later than
  // `max_ts_micros` is not taken.
  JobFileReconciler(FileSystem& files, EventTable& table, std::string runs_dir, std::string job_id,
                    std::string time_suffix, int64_t max_ts_micros);

  // The journal is in use, and nobody else has anything to do with this job's file or places: Run()
  // needs no transaction, writes in short ones of its own, and looks at no event that is committed
  // after it began. It fails soon after `cancel` (which outlives it) is true.
  void BeLive(const std::atomic<bool>* cancel) {
    is_live_ = true;
    cancel_ = cancel;
  }

  Result<JobRepair> Run();

  // After Run(): the size of the file if it is a plain one and nobody else has changed it.
  uint64_t file_bytes() const { return good_bytes_; }

  // The job's state after Run(); job_seq is 0 when there is no event at all.
  const JobState& state() const { return state_; }

 private:
  enum class Verdict { kAgrees, kFileIsBehind, kDiverged };

  Status SetAsideObstacle();
  Status FinishInterruptedRewrite();
  Result<Verdict> Compare();
  Result<Verdict> CompareLines(LineReader& reader);
  Result<bool> FileEventsAreInPlace(LineReader& reader);
  Result<Verdict> CompareRows(LineReader& reader);
  Result<Verdict> TakeFurtherLines(LineReader& reader);
  bool TakeLine(std::string_view line);
  Status AppendMissing();
  Status RelocateLines();
  void MovePlaces(const std::unordered_map<int64_t, int64_t>& offsets);
  Status Rewrite();
  Status MoveAside(const std::string& path);
  Status CleanUpCompressed();
  Status ExpandWithoutTable();
  Result<bool> IsPrefixOfPlain();
  // `offsets`, if not null: of the lines that the table has dropped, by seq.
  Status WriteRows(const std::string& path, int64_t after_job_seq, int64_t* count,
                   std::unordered_map<int64_t, int64_t>* offsets);
  bool IsCancelled() const { return cancel_ != nullptr && *cancel_; }
  bool HasFileEvents() { return state_.job_seq > 0 && table_.FileJobSeq(state_.first_seq) > 0; }

  FileSystem& files_;
  EventTable& table_;
  const std::string runs_dir_;
  const std::string job_id_;
  const std::string path_;
  const std::string time_suffix_;
  const int64_t max_ts_micros_;
  bool is_live_ = false;
  const std::atomic<bool>* cancel_ = nullptr;
  JobState state_;
  StateChanges changes_;  // by lines that were taken
  JobRepair repair_;
  uint64_t good_bytes_ = 0;      // of the file, from its start, that agree with the table
  int64_t matched_job_seq_ = 0;  // the last event within those bytes
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOB_FILE_RECONCILER_H_
