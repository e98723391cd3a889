// Work on the journal that can wait, such as retention.
#ifndef STAGELOG_LOG_MAINTENANCE_TASK_H_
#define STAGELOG_LOG_MAINTENANCE_TASK_H_

#include <cstdint>
#include <string>

#include "base/result.h"
#include "log/writer_access.h"

namespace stagelog {

// Done in slices between two groups of appends, on the writing thread, which makes every call here.
class MaintenanceTask {
 public:
  virtual ~MaintenanceTask() = default;

  // Whether there is something to do now. Called often: after every group.
  virtual bool HasWork() const = 0;

  // The monotonic time at which there will be something to do by itself; INT64_MAX if never.
  virtual int64_t NextDueMicros() const = 0;

  // One slice: a few milliseconds, for appends wait. Called only if HasWork(), with the journal
  // open and no transaction under way. After a failure, or if this throws SQLite::Exception, the
  // journal is closed and reopened, and Abandon() called in between.
  virtual Status Step(WriterAccess& access) = 0;

  // The journal was closed because of `problem`, or the daemon is stopping: lets go of everything
  // that is under way or was asked for, and answers whoever waits for it. Work that nobody has
  // asked for is not to be due again at once.
  virtual void Abandon(const std::string& problem) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_MAINTENANCE_TASK_H_
