// What maintenance may do to an open journal.
#ifndef STAGELOG_LOG_WRITER_ACCESS_H_
#define STAGELOG_LOG_WRITER_ACCESS_H_

#include <string>

#include "base/result.h"
#include "core/job_state.h"
#include "log/table/event_table.h"

namespace stagelog {

struct WriterParts;

// The writing thread's parts of the journal, for the slice of maintenance that it is given to.
class WriterAccess {
 public:
  explicit WriterAccess(WriterParts& parts) : parts_(parts) {}

  EventTable& table();

  // The job as of its last event; null for an unknown one. Valid until ForgetJob() and to the end
  // of the slice. Throws SQLite::Exception.
  const JobState* FindJob(const std::string& job_id);

  // The next event of the job has its state read again, and its file looked at.
  void ForgetJob(const std::string& job_id);

  // Gives the next place in the log to a record that is no event. Once that is committed, and the
  // tables' watermark with it, PassOver() says so to the tables. Failures close the journal. Throws
  // SQLite::Exception.
  Result<int64_t> AssignSeq();
  void PassOver(int64_t seq);

  // True if the job's file is to be left alone: it cannot be written, or is being repaired.
  bool IsObstructed(const std::string& job_id) const;

  // The job's file failed, or differs from the table: it is repaired, written anew if need be.
  // Throws SQLite::Exception.
  void ObstructFile(const std::string& job_id, const std::string& problem);

  // If lines were appended to the job's file since it was last synced: syncs it, and notes in the
  // table what it looks like, so that opening the journal does not compare it. A failure obstructs
  // it. Throws SQLite::Exception.
  void SyncFile(const std::string& job_id);

  // Closes the job's file: it was replaced.
  void CloseFile(const std::string& job_id);

  // The job is being deleted. Waits for a repair of its file.
  void ForgetFile(const std::string& job_id);

  // Begins to delete the job permanently, on behalf of nobody. False if it cannot be deleted now.
  // After a failure the journal has to be reopened. Throws SQLite::Exception.
  Result<bool> DeleteJob(const std::string& job_id);

 private:
  WriterParts& parts_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_WRITER_ACCESS_H_
