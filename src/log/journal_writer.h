// The writing thread's side of the journal: what it does in a turn.
#ifndef STAGELOG_LOG_JOURNAL_WRITER_H_
#define STAGELOG_LOG_JOURNAL_WRITER_H_

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "log/append_queue.h"
#include "log/clean_closing.h"
#include "log/group_commit.h"
#include "log/idle_file_sync.h"
#include "log/job_table_slices.h"
#include "log/journal_lifecycle.h"
#include "log/journal_upkeep.h"
#include "log/obstructed_file_notes.h"
#include "log/table/event_reader.h"
#include "log/writer_parts.h"

namespace stagelog {

// Owns the parts that do the work, and decides which of them is next. They report a failure that
// the journal has to be closed for; it is closed here. One thread at a time makes these calls
// (EventLogger says which).
class JournalWriter {
 public:
  // `reader` does not use connections from before the journal was reopened.
  JournalWriter(WriterParts& parts, EventReader& reader) : parts_(parts), reader_(reader) {}

  Status Open() { return lifecycle_.Open(); }

  // Large groups and repairs of files have threads of their own from now on.
  void StartThreads();
  void StopCommitThread() { group_commit_.StopThread(); }

  // Writes the group of requests that is next; where there is none, does what is due. False once
  // the queue is stopped and empty, and the journal closed for good.
  bool TakeTurn();

  // Writes the group that is next and no more. Only if IsReadyToWrite(): nothing else comes first.
  void WriteNextGroup();
  bool IsReadyToWrite() const;

  // The monotonic time of the next turn, if no request comes before; INT64_MAX: there is none.
  int64_t NextTurnMicros() const;

  bool states_were_rebuilt() const { return lifecycle_.states_were_rebuilt(); }

 private:
  bool DoNext();
  void WriteOrRefuse(std::vector<AppendRequest> requests);
  void Write(std::vector<AppendRequest> requests);
  void RefuseAll(std::vector<AppendRequest> requests);
  bool CloseIfFailed(const Status& done);
  std::vector<AppendRequest> TakeGroup() {
    return parts_.queue.Take(parts_.options.group_requests);
  }

  WriterParts& parts_;
  EventReader& reader_;
  bool is_over_ = false;  // closed for good

  // Each is given those above it that it needs.
  ObstructedFileNotes notes_{parts_};
  JobTableSlices tables_{parts_};
  IdleFileSync idle_files_{parts_, tables_};
  JournalUpkeep upkeep_{parts_, tables_, notes_};
  GroupCommit group_commit_{parts_, upkeep_, notes_};
  JournalLifecycle lifecycle_{parts_, reader_, notes_, upkeep_};
  CleanClosing clean_closing_{parts_, tables_, idle_files_, notes_};
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOURNAL_WRITER_H_
