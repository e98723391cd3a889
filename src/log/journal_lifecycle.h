// Opens the journal, closes it after a failure, and opens it again.
#ifndef STAGELOG_LOG_JOURNAL_LIFECYCLE_H_
#define STAGELOG_LOG_JOURNAL_LIFECYCLE_H_

#include <cstdint>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "log/journal_upkeep.h"
#include "log/obstructed_file_notes.h"
#include "log/run_lock.h"
#include "log/table/event_reader.h"
#include "log/writer_parts.h"

namespace stagelog {

// Creates the folder if it is missing, and locks it.
Result<RunLock> LockRunsFolder(FileSystem& files, const std::string& runs_dir);

// While the journal is closed, appends are refused and reads continue. Writing thread only.
class JournalLifecycle {
 public:
  JournalLifecycle(WriterParts& parts, EventReader& reader, ObstructedFileNotes& notes,
                   JournalUpkeep& upkeep)
      : parts_(parts), reader_(reader), notes_(notes), upkeep_(upkeep) {}

  // The first time: nobody has listened yet, so nothing that is found is news.
  Status Open();

  // `problem` is everybody's answer until the journal is open again. No transaction is under
  // way afterwards, and nothing that was requested waits.
  void CloseAfterFailure(const std::string& problem);

  // After CloseAfterFailure(): does not wait for the retry interval, for opening the journal anew
  // is the remedy.
  void ReopenSoon();

  // Tries to, if the journal is closed and it is time. Announces what was missed.
  void ReopenIfDue();

  // While the journal is closed: the monotonic time of the next attempt.
  int64_t retry_at_micros() const { return retry_at_micros_; }

  // Whether opening it the last time has rebuilt the state of a job.
  bool states_were_rebuilt() const { return states_were_rebuilt_; }

 private:
  Status OpenTable();
  void Reopen();

  WriterParts& parts_;
  EventReader& reader_;
  ObstructedFileNotes& notes_;
  JournalUpkeep& upkeep_;
  int64_t retry_at_micros_ = 0;
  int64_t reopened_at_micros_ = INT64_MIN / 2;  // monotonic; last time it was reopened
  bool states_were_rebuilt_ = false;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOURNAL_LIFECYCLE_H_
