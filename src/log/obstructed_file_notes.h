// Says which events.jsonl cannot be written: to /readyz, and in journal.json for a rebuild.
#ifndef STAGELOG_LOG_OBSTRUCTED_FILE_NOTES_H_
#define STAGELOG_LOG_OBSTRUCTED_FILE_NOTES_H_

#include "base/result.h"
#include "log/writer_parts.h"

namespace stagelog {

// JobFileFollower knows the files; this passes on what it knows. Writing thread only, with the
// journal open.
class ObstructedFileNotes {
 public:
  explicit ObstructedFileNotes(WriterParts& parts) : parts_(parts) {}

  // In /readyz.
  void Show();

  // In /readyz and, synced, in journal.json: before an append is answered whose lines are not in
  // their file. Fails if that cannot be written, or if there are too many files for it to be a
  // matter of single files: the journal has to be reopened.
  Status Note();

  // At the end of a turn: notes as well that a file is not obstructed any more.
  void Update();

 private:
  WriterParts& parts_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_OBSTRUCTED_FILE_NOTES_H_
