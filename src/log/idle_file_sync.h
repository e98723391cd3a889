// Syncs files of jobs that nothing is appended to any more.
#ifndef STAGELOG_LOG_IDLE_FILE_SYNC_H_
#define STAGELOG_LOG_IDLE_FILE_SYNC_H_

#include <cstdint>

#include "base/result.h"
#include "log/job_table_slices.h"
#include "log/writer_parts.h"

namespace stagelog {

// Notes in the table what a synced file looks like, so that opening the journal does not compare
// it. Writing thread only, with the journal open and no transaction under way. Each failure means
// that the journal has to be closed.
class IdleFileSync {
 public:
  IdleFileSync(WriterParts& parts, JobTableSlices& tables) : parts_(parts), tables_(tables) {}

  // The monotonic time at which the next file has been idle for long enough; INT64_MAX: never.
  int64_t NextDueMicros() const;

  // Some of those that have been idle for long enough.
  Status SyncIdle();

  // All, idle or not.
  Status SyncAll();

 private:
  Status SyncSome(int64_t before_micros);
  Status CheckDatabaseIsThere();

  WriterParts& parts_;
  JobTableSlices& tables_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_IDLE_FILE_SYNC_H_
