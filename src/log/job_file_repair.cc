#include "log/job_file_repair.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/logging.h"
#include "log/file/job_files.h"
#include "log/file/set_aside.h"
#include "log/file/stored_file.h"
#include "log/recovery.h"

namespace stagelog {
namespace {

constexpr size_t kPortionBytes = size_t{1} << 20;
constexpr int kMaxPortions = 1'000;

// Appends up to about a mebibyte of the events after `result.through_job_seq`. Returns how much.
Result<size_t> AppendPortion(FileSystem& files, EventTable& table, const std::string& path,
                             JobFileRepairResult& result) {
  std::string lines;
  int64_t count = 0;
  table.VisitJobEvents(result.first_seq, result.through_job_seq,
                       [&](int64_t, std::string_view body) {
                         lines += body;
                         lines += '\n';
                         ++count;
                         return lines.size() < kPortionBytes;
                       });
  if (lines.size() < kPortionBytes) return lines.size();  // the writer's
  const Result<std::unique_ptr<AppendFile>> file = files.OpenAppend(path);
  if (!file) return tl::unexpected(file.error());
  if (Status written = (*file)->Append(lines); !written) return tl::unexpected(written.error());
  if (Status closed = (*file)->Close(); !closed) return tl::unexpected(closed.error());
  result.through_job_seq += count;
  result.file_bytes += lines.size();
  return lines.size();
}

// Notes what the file looks like. It must be as long as what was read and written.
Status NoteFile(FileSystem& files, const std::string& path, JobFileRepairResult& result) {
  const auto stored = FindStoredFile(files, path);
  if (!stored) return tl::unexpected(stored.error());
  const bool is_same = stored->has_value() &&
                       ((*stored)->is_compressed() || (*stored)->info.size == result.file_bytes);
  if (!is_same) return Failure("it was changed by another program while it was repaired");
  result.info = (*stored)->info;
  return {};
}

}  // namespace

Result<JobFileRepairResult> RepairJobFile(FileSystem& files, EventTable& table,
                                          const std::string& runs_dir,
                                          const JobFileRepairRequest& request,
                                          const std::atomic<bool>& cancel) {
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
  reconciler.BeLive(&cancel);
  Result<JobRepair> repair = reconciler.Run();
  if (!repair) {
    for (const std::string& name : moved) LogWarning("[journal] moved aside: {}", name);
    return tl::unexpected(repair.error());
  }
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
  result.file_bytes = reconciler.file_bytes();
  const std::string path = JobFilePath(runs_dir, request.job_id);
  if (Status noted = NoteFile(files, path, result); !noted) return tl::unexpected(noted.error());
  return result;
}

Result<JobFileRepairResult> RepairJobFile(FileSystem& files, const std::string& runs_dir,
                                          const JobFileRepairRequest& request,
                                          const std::atomic<bool>& cancel) {
  try {
    EventTable table(DatabasePath(runs_dir), files.SqliteVfs(), true, files, /*may_create=*/false);
    table.ReadTail(Tail::kRead);
    Result<JobFileRepairResult> result = RepairJobFile(files, table, runs_dir, request, cancel);
    if (!result || result->first_seq == 0) return result;
    const std::string path = JobFilePath(runs_dir, request.job_id);
    for (int i = 0; i < kMaxPortions && !cancel; ++i) {
      const Result<size_t> bytes = AppendPortion(files, table, path, *result);
      if (!bytes) return tl::unexpected(bytes.error());
      if (*bytes < kPortionBytes) break;
    }
    if (Status noted = NoteFile(files, path, *result); !noted) return tl::unexpected(noted.error());
    return result;
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
}

}  // namespace stagelog
