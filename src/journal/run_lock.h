// One daemon for one runs folder.
#ifndef STAGELOG_JOURNAL_RUN_LOCK_H_
#define STAGELOG_JOURNAL_RUN_LOCK_H_

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog {

// Held as long as the object lives; the kernel lets go of it when the process dies in whatever way.
class RunLock {
 public:
  // Takes `runs_dir`/stagelog.lock, or fails naming the program and the pid that has it.
  static Result<RunLock> Take(const std::string& runs_dir);

  // The same for who only looks: writes nothing, and where no daemon has ever run there is nothing
  // to take.
  static Result<RunLock> TakeForReading(const std::string& runs_dir);

 private:
  explicit RunLock(UniqueFd file) : file_(std::move(file)) {}

  UniqueFd file_;
};

}  // namespace stagelog

#endif  // STAGELOG_JOURNAL_RUN_LOCK_H_
