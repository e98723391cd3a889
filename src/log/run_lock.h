// Ensures a single daemon per runs folder.
#ifndef STAGELOG_LOG_RUN_LOCK_H_
#define STAGELOG_LOG_RUN_LOCK_H_

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog {

// Held as long as the object lives; the kernel releases it if the process dies. The folder itself
// is locked, so that removing a file does not release it. `stagelog.lock` is locked as well and
// names the owner, for earlier versions, which lock only that file. On file systems that cannot
// lock folders (NFS) that file is the lock, and CheckStillHeld() detects its removal.
class RunLock {
 public:
  // Takes the lock of `runs_dir`, or fails naming the program and the pid that has it.
  static Result<RunLock> Take(const std::string& runs_dir);

  // The same for a read-only process: writes nothing.
  static Result<RunLock> TakeForReading(const std::string& runs_dir);

  // Fails when `runs_dir` is not the folder that was locked any more: it was moved, or removed, and
  // what is written by its path would go to another journal. Two system calls at most; safe from
  // any thread.
  Status CheckStillHeld() const;

 private:
  explicit RunLock(std::string runs_dir) : runs_dir_(std::move(runs_dir)) {}

  Status LockFolder();

  std::string runs_dir_;
  UniqueFd folder_;
  bool folder_is_locked_ = false;
  UniqueFd file_;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_RUN_LOCK_H_
