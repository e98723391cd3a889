// What is done between two groups of appends, a slice at a time.
#ifndef STAGELOG_LOG_JOURNAL_UPKEEP_H_
#define STAGELOG_LOG_JOURNAL_UPKEEP_H_

#include <cstdint>
#include <string>
#include <unordered_set>

#include "base/result.h"
#include "log/job_table_slices.h"
#include "log/obstructed_file_notes.h"
#include "log/writer_parts.h"

namespace stagelog {

// A slice of the tables of jobs, or of maintenance: files that lost a line are compared, files
// repaired, jobs deleted, and the tasks of others done, in this order. While the journal is closed
// nothing waits: what was requested before was refused when it closed. Writing thread only.
class JournalUpkeep {
 public:
  JournalUpkeep(WriterParts& parts, JobTableSlices& tables, ObstructedFileNotes& notes)
      : parts_(parts), tables_(tables), notes_(notes) {}

  // Step() would do something now.
  bool IsDue() const;

  // Step() would do more than write the tables.
  bool HasMaintenance() const;

  // The monotonic time at which it will be due by itself; 0: at once, INT64_MAX: never. While the
  // journal is open.
  int64_t NextDueMicros() const;

  // One slice, if one is due. Fails if the journal has to be closed.
  Status Step();

  // The journal was closed because of `problem`: lets go of all deletions and tasks.
  void Abandon(const std::string& problem);

 private:
  Status DoMaintenance();
  void CompareFiles(const std::unordered_set<std::string>& job_ids);
  void RepairFile();
  void AbandonTasks(const std::string& problem);

  WriterParts& parts_;
  JobTableSlices& tables_;
  ObstructedFileNotes& notes_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOURNAL_UPKEEP_H_
