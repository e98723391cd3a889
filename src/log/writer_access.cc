#include "log/writer_access.h"

#include "log/job_deletions.h"

namespace stagelog {

void WriterAccess::ObstructFile(const std::string& job_id, const std::string& problem) {
  const JobState* job = FindJob(job_id);
  if (job == nullptr) return;
  files_.Obstruct(job_id, job->job_seq + 1, problem, /*sync_failed=*/true);
}

void WriterAccess::SyncFile(const std::string& job_id) {
  const Result<std::optional<FileInfo>> synced = files_.files().SyncIfDirty(job_id);
  if (!synced) return ObstructFile(job_id, synced.error().message);
  const JobState* job = *synced ? FindJob(job_id) : nullptr;
  if (job != nullptr) table_.WriteFileStamp(job->first_seq, {**synced, job->job_seq});
}

Status WriterAccess::DeleteJob(const std::string& job_id) {
  return deletions_.Begin(*this, {.job_id = job_id, .actor = "", .done = [](const auto&) {}});
}

}  // namespace stagelog
