// Makes one job's events.jsonl agree with the database again while the journal is in use.
#ifndef STAGELOG_LOG_JOB_FILE_REPAIR_H_
#define STAGELOG_LOG_JOB_FILE_REPAIR_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "log/job_file_reconciler.h"
#include "log/table/event_table.h"

namespace stagelog {

struct JobFileRepairRequest {
  std::string job_id;
  bool is_new_job = false;   // nothing of ours is in its folder yet
  bool sync_failed = false;  // what the file has may not be on the disk: it is written over itself
  std::string time_suffix;   // SetAsideSuffix()
};

struct JobFileRepairResult {
  JobRepair repair;
  int64_t first_seq = 0;        // of the job; 0: there is no such job (any more)
  int64_t through_job_seq = 0;  // the file is complete up to this event
  uint64_t file_bytes = 0;      // its size then, if it is not compressed
  FileInfo info;                // what it looked like then
};

// Compares the file with the rows of `table`, outside of a transaction. The database wins: no line
// is taken from the file, one that differs is renamed `.diverged-<time>` and written anew. Until
// this returns nobody else may use the job's file, or move the places of its events. Fails soon
// after `cancel` is true. Throws SQLite::Exception.
Result<JobFileRepairResult> RepairJobFile(FileSystem& files, EventTable& table,
                                          const std::string& runs_dir,
                                          const JobFileRepairRequest& request,
                                          const std::atomic<bool>& cancel);

// The same with a connection of its own, safe from any thread. Appends what is committed meanwhile
// too, until little is left of it.
Result<JobFileRepairResult> RepairJobFile(FileSystem& files, const std::string& runs_dir,
                                          const JobFileRepairRequest& request,
                                          const std::atomic<bool>& cancel);

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOB_FILE_REPAIR_H_
