// What follows a commit before its requests are answered.
#ifndef STAGELOG_LOG_COMMIT_PUBLISHER_H_
#define STAGELOG_LOG_COMMIT_PUBLISHER_H_

#include "base/result.h"
#include "log/batch_stager.h"
#include "log/obstructed_file_notes.h"
#include "log/writer_parts.h"

namespace stagelog {

// Hands the changes to the tables of jobs, appends the lines to the files, prints the console's
// lines, tells the listeners. Writing thread only.
class CommitPublisher {
 public:
  CommitPublisher(WriterParts& parts, ObstructedFileNotes& notes) : parts_(parts), notes_(notes) {}

  // The events of `staged`, one at least, are committed. Moves them and the seqs of the jobs from
  // it. All of that is done even if it fails, which means that journal.json does not name a file
  // that lacks lines: the journal has to be reopened before the requests are answered.
  Status Publish(BatchStager& staged);

 private:
  void QueueForTables(BatchStager& staged);
  Status AppendToFiles(BatchStager& staged);
  void Announce(BatchStager& staged);

  WriterParts& parts_;
  ObstructedFileNotes& notes_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_COMMIT_PUBLISHER_H_
