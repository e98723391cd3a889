#include "log/writer_access.h"

#include "log/job_deletions.h"

namespace stagelog {

Status WriterAccess::SyncFile(const std::string& job_id) {
  const auto synced = files_.SyncIfDirty(job_id);
  if (!synced) return tl::unexpected(synced.error());
  const JobState* job = *synced ? FindJob(job_id) : nullptr;
  if (job != nullptr) table_.WriteFileStamp(job->first_seq, {(*synced)->info, job->job_seq});
  return {};
}

Status WriterAccess::DeleteJob(const std::string& job_id) {
  return deletions_.Begin(*this, {.job_id = job_id, .actor = "", .done = [](const auto&) {}});
}

}  // namespace stagelog
