// Closes the journal for good, so that opening it has nothing to repair.
#ifndef STAGELOG_LOG_CLEAN_CLOSING_H_
#define STAGELOG_LOG_CLEAN_CLOSING_H_

#include "base/result.h"
#include "log/idle_file_sync.h"
#include "log/job_table_slices.h"
#include "log/obstructed_file_notes.h"
#include "log/writer_parts.h"

namespace stagelog {

// Writing thread only.
class CleanClosing {
 public:
  CleanClosing(WriterParts& parts, JobTableSlices& tables, IdleFileSync& idle_files,
               ObstructedFileNotes& notes)
      : parts_(parts), tables_(tables), idle_files_(idle_files), notes_(notes) {}

  // Writes what is left of the tables, syncs all files and records their stamps, tries once more to
  // complete those that are obstructed, writes journal.json, closes the database. Fails if the
  // journal has to be closed as after a failure: it is still open then.
  Status Close();

 private:
  Status CompleteFiles();
  void NoteHighestSeq();

  WriterParts& parts_;
  JobTableSlices& tables_;
  IdleFileSync& idle_files_;
  ObstructedFileNotes& notes_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_CLEAN_CLOSING_H_
