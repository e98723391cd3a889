#include "log/writer_access.h"

#include "log/writer_parts.h"

namespace stagelog {

EventTable& WriterAccess::table() { return *parts_.table; }

const JobState* WriterAccess::FindJob(const std::string& job_id) {
  return parts_.cache.Find(table(), job_id);
}

void WriterAccess::ForgetJob(const std::string& job_id) { parts_.cache.Forget(job_id); }

Result<int64_t> WriterAccess::AssignSeq() {
  const int64_t seq = parts_.sequencer.next_seq++;
  table().Begin();
  if (Status reserved = parts_.ReserveSeqs(); !reserved) return tl::unexpected(reserved.error());
  table().Commit();
  parts_.health.SetVisible(seq);
  return seq;
}

void WriterAccess::PassOver(int64_t seq) { parts_.job_tables.PassOver(seq); }

bool WriterAccess::IsObstructed(const std::string& job_id) const {
  return parts_.job_files.IsObstructed(job_id);
}

void WriterAccess::ObstructFile(const std::string& job_id, const std::string& problem) {
  const JobState* job = FindJob(job_id);
  if (job == nullptr) return;
  parts_.job_files.Obstruct(job_id, job->job_seq + 1, problem, /*sync_failed=*/true);
}

void WriterAccess::SyncFile(const std::string& job_id) {
  const Result<std::optional<FileInfo>> synced = parts_.job_files.files().SyncIfDirty(job_id);
  if (!synced) return ObstructFile(job_id, synced.error().message);
  const JobState* job = *synced ? FindJob(job_id) : nullptr;
  if (job != nullptr) table().WriteFileStamp(job->first_seq, {**synced, job->job_seq});
}

void WriterAccess::CloseFile(const std::string& job_id) { parts_.job_files.files().Forget(job_id); }

void WriterAccess::ForgetFile(const std::string& job_id) { parts_.job_files.Forget(job_id); }

Result<bool> WriterAccess::DeleteJob(const std::string& job_id) {
  const Status begun =
      parts_.deletions.Begin(*this, {.job_id = job_id, .actor = "", .done = [](const auto&) {}});
  if (!begun) return tl::unexpected(begun.error());
  return parts_.deletions.IsDeleted(job_id);
}

}  // namespace stagelog
