// What maintenance may do to an open journal.
#ifndef STAGELOG_LOG_WRITER_ACCESS_H_
#define STAGELOG_LOG_WRITER_ACCESS_H_

#include <string>

#include "base/result.h"
#include "core/job_state.h"
#include "log/job_file_follower.h"
#include "log/table/event_table.h"
#include "log/table/job_cache.h"

namespace stagelog {

class JobDeletions;

// The writing thread's parts of the journal, for the slice of maintenance that it is given to.
class WriterAccess {
 public:
  WriterAccess(EventTable& table, JobCache& cache, JobFileFollower& files, JobDeletions& deletions)
      : table_(table), cache_(cache), files_(files), deletions_(deletions) {}

  EventTable& table() { return table_; }

  // The job as of its last event; null for an unknown one. Valid until ForgetJob() and to the end
  // of the slice. Throws SQLite::Exception.
  const JobState* FindJob(const std::string& job_id) { return cache_.Find(table_, job_id); }

  // The next event of the job has its state read again, and its file looked at.
  void ForgetJob(const std::string& job_id) { cache_.Forget(job_id); }

  // True if the job's file is to be left alone: it cannot be written, or is being repaired.
  bool IsObstructed(const std::string& job_id) const { return files_.IsObstructed(job_id); }

  // The job's file failed, or differs from the table: it is repaired, written anew if need be.
  // Throws SQLite::Exception.
  void ObstructFile(const std::string& job_id, const std::string& problem);

  // If lines were appended to the job's file since it was last synced: syncs it, and notes in the
  // table what it looks like, so that opening the journal does not compare it. A failure obstructs
  // it. Throws SQLite::Exception.
  void SyncFile(const std::string& job_id);

  // Closes the job's file: it was replaced.
  void CloseFile(const std::string& job_id) { files_.files().Forget(job_id); }

  // The job is being deleted. Waits for a repair of its file.
  void ForgetFile(const std::string& job_id) { files_.Forget(job_id); }

  // Begins to delete the job permanently, on behalf of nobody. After a failure the journal has to
  // be reopened. Throws SQLite::Exception.
  Status DeleteJob(const std::string& job_id);

 private:
  EventTable& table_;
  JobCache& cache_;
  JobFileFollower& files_;
  JobDeletions& deletions_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_WRITER_ACCESS_H_
