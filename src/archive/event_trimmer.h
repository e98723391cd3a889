// Keeps SQLite small: drops events that are durable in their job's file.
#ifndef STAGELOG_ARCHIVE_EVENT_TRIMMER_H_
#define STAGELOG_ARCHIVE_EVENT_TRIMMER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "log/table/event_table.h"
#include "log/table/file_events.h"

namespace stagelog {

// The events of one job to drop: those up to `through_job_seq`, which is not the job's last one.
struct TrimPlan {
  std::string job_id;
  int64_t first_seq = 0;
  int64_t through_job_seq = 0;
};

// Executes one plan at a time, a few hundred events per step, in this order:
//  1. the job's events.jsonl (or events.jsonl.zst) and its folder are synced;
//  2. the rows to drop are compared with the bytes of the file, one by one;
//  3. one transaction adds their file offsets to `file_events` and deletes them from `events`.
// After a crash at any point, each event is in exactly one of the two tables, its line in the file.
// Writer thread only.
class EventTrimmer {
 public:
  EventTrimmer(FileSystem& files, std::string runs_dir)
      : files_(files), runs_dir_(runs_dir), lines_(files, std::move(runs_dir)) {}

  void Begin(TrimPlan plan);
  bool HasWork() const { return plan_.has_value(); }
  const std::string& job_id() const { return plan_->job_id; }  // if it has work

  // Returns the number of dropped events. A failure drops nothing. If file and table differ,
  // the file's stamp is removed, so that the next opening of the journal compares them. Throws
  // SQLite::Exception.
  Result<int64_t> Step(EventTable& table);

  void Abandon();

 private:
  Status SyncFile();
  Status CompareWithFile(EventTable& table, std::vector<TrimmedEvent>& events, uint64_t offset);

  FileSystem& files_;
  const std::string runs_dir_;
  FileLines lines_;
  std::optional<TrimPlan> plan_;
  bool is_synced_ = false;
};

}  // namespace stagelog

#endif  // STAGELOG_ARCHIVE_EVENT_TRIMMER_H_
