// Writes the tables of jobs between two commits, and decides what follows from a failure there.
#ifndef STAGELOG_LOG_JOB_TABLE_SLICES_H_
#define STAGELOG_LOG_JOB_TABLE_SLICES_H_

#include "base/result.h"
#include "log/writer_parts.h"

namespace stagelog {

// The log does not need the tables: after a failure (JobTables::PutOff()) it goes on, but not
// without bound. Writing thread only, with the journal open and no transaction under way.
class JobTableSlices {
 public:
  explicit JobTableSlices(WriterParts& parts) : parts_(parts) {}

  void WriteOne();

  // All that is left. False if that cannot be done now.
  bool WriteAll();

  // Where the tables are too far behind for the next append, writes them until they are not. Fails
  // if nothing may be appended now: the journal has to be closed.
  Status LimitLag();

 private:
  void OnFailed(const SQLite::Exception& problem);

  WriterParts& parts_;
  bool is_slowed_ = false;  // by tables that are behind, and the log knows of it
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_JOB_TABLE_SLICES_H_
