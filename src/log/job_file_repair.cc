#include "log/job_file_repair.h"

#include <optional>
#include <utility>
#include <vector>

#include "log/job_files.h"
#include "log/recovery.h"
#include "log/set_aside.h"
#include "log/stored_file.h"

namespace stagelog {

Result<JobFileRepairResult> RepairJobFile(FileSystem& files, EventTable& table,
                                          const std::string& runs_dir,
                                          const JobFileRepairRequest& request) {
  JobFileRepairResult result;
  if (!table.FindJob(request.job_id)) return result;
  std::vector<std::string> moved;
  if (request.is_new_job) {
    auto made = MakeRoomForNewJob(files, runs_dir, request.job_id, request.time_suffix);
    if (!made) return tl::unexpected(made.error());
    moved = std::move(*made);
  }
  // No line is as old as this: a line that the database lacks makes the file a different one.
  JobFileReconciler reconciler(files, table, runs_dir, request.job_id, request.time_suffix,
                               /*max_ts_micros=*/INT64_MIN);
  Result<JobRepair> repair = reconciler.Run();
  if (!repair) return tl::unexpected(repair.error());
  if (request.sync_failed) {
    const auto stored = FindStoredFile(files, JobFilePath(runs_dir, request.job_id));
    if (!stored) return tl::unexpected(stored.error());
    if (*stored) {
      if (Status written = RewriteOrSync(files, (*stored)->path, 0); !written) {
        return tl::unexpected(written.error());
      }
    }
  }
  result.repair = std::move(*repair);
  result.repair.set_aside.insert(result.repair.set_aside.begin(), moved.begin(), moved.end());
  result.first_seq = reconciler.state().first_seq;
  result.through_job_seq = reconciler.state().job_seq;
  return result;
}

Result<JobFileRepairResult> RepairJobFile(FileSystem& files, const std::string& runs_dir,
                                          const JobFileRepairRequest& request) {
  try {
    EventTable table(DatabasePath(runs_dir), files.SqliteVfs(), true, files);
    table.BeginRead();
    Result<JobFileRepairResult> result = RepairJobFile(files, table, runs_dir, request);
    table.Rollback();
    return result;
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
}

}  // namespace stagelog
