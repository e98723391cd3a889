// One daemon for one runs folder.
#ifndef STAGELOG_LOG_RUN_LOCK_H_
#define STAGELOG_LOG_RUN_LOCK_H_

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog {

// Held as long as the object lives; the kernel lets go of it when the process dies in whatever way.
// The folder itself is locked, so that nobody gets in by removing a file. `stagelog.lock` is locked
// as well and names who holds it: earlier versions know of nothing else. Where folders cannot be
// locked (NFS) that file is the lock, and CheckStillOurs() finds out when it is removed.
class RunLock {
 public:
  // Takes the lock of `runs_dir`, or fails naming the program and the pid that has it.
  static Result<RunLock> Take(const std::string& runs_dir);

  // The same for who only looks: writes nothing.
  static Result<RunLock> TakeForReading(const std::string& runs_dir);

  // Fails when `runs_dir` is not the folder that was locked any more: it was moved, or removed, and
  // what is written by its path would go to another journal. Two system calls at most; safe from
  // any thread.
  Status CheckStillOurs() const;

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
