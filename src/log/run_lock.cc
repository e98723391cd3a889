#include "log/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace stagelog {
namespace {

std::string LockPath(const std::string& runs_dir) { return runs_dir + "/stagelog.lock"; }

tl::unexpected<Error> CannotOpen(const std::string& path) {
  const int number = errno;
  return Failure("cannot open " + path + ": " + std::strerror(number), number);
}

// What the lock file says, whoever it is; it may have been removed.
std::string Holder(const std::string& runs_dir) {
  const UniqueFd file(
      ::open(LockPath(runs_dir).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  std::array<char, 64> text{};
  const ssize_t size = file.valid() ? ::pread(file.get(), text.data(), text.size(), 0) : 0;
  std::string holder(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another program" : holder;
}

tl::unexpected<Error> InUse(const std::string& runs_dir) {
  return Failure("the runs folder " + runs_dir + " is in use by " + Holder(runs_dir), EWOULDBLOCK);
}

// False when another program has it.
Result<bool> Lock(int fd, const std::string& path) {
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    if (number == EINTR) continue;
    if (number == EWOULDBLOCK) return false;
    return Failure("cannot lock " + path + ": " + std::strerror(number), number);
  }
  return true;
}

bool IsSame(const std::string& path, int fd) {
  struct stat there {};
  struct stat ours {};
  return ::lstat(path.c_str(), &there) == 0 && ::fstat(fd, &ours) == 0 &&
         there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

}  // namespace

Status RunLock::LockFolder() {
  folder_.Reset(::open(runs_dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_.valid()) return CannotOpen(runs_dir_);
  const Result<bool> locked = Lock(folder_.get(), runs_dir_);
  if (locked && !*locked) return InUse(runs_dir_);
  // NFS makes record locks of these, and no folder can be opened for writing (EBADF); others know
  // no locks of folders at all. Then the file alone must do.
  folder_is_locked_ = locked.has_value();
  return {};
}

Result<RunLock> RunLock::TakeForReading(const std::string& runs_dir) {
  RunLock lock(runs_dir);
  if (Status locked = lock.LockFolder(); !locked) return tl::unexpected(locked.error());
  const std::string path = LockPath(runs_dir);
  lock.file_.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!lock.file_.valid() && errno == ENOENT) return lock;  // no daemon has ever run
  if (!lock.file_.valid()) return CannotOpen(path);
  const Result<bool> locked = Lock(lock.file_.get(), path);
  if (!locked) return tl::unexpected(locked.error());
  if (!*locked) return InUse(runs_dir);
  return lock;
}

Result<RunLock> RunLock::Take(const std::string& runs_dir) {
  RunLock lock(runs_dir);
  if (Status locked = lock.LockFolder(); !locked) return tl::unexpected(locked.error());
  const std::string path = LockPath(runs_dir);
  lock.file_.Reset(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644));
  if (!lock.file_.valid()) return CannotOpen(path);
  const Result<bool> locked = Lock(lock.file_.get(), path);
  if (!locked) return tl::unexpected(locked.error());
  // Who has removed it meanwhile would find another one to lock.
  if (!*locked || !IsSame(path, lock.file_.get())) return InUse(runs_dir);
  const std::string text = "stagelogd (pid " + std::to_string(::getpid()) + ")\n";
  const int file = lock.file_.get();
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Failure("cannot write " + path + ": " + std::strerror(errno), errno);
  }
  return lock;
}

Status RunLock::CheckStillHeld() const {
  struct stat there {};
  struct stat ours {};
  // By stat(): the path of the folder may be a link to it.
  const bool is_same_folder = ::stat(runs_dir_.c_str(), &there) == 0 &&
                              ::fstat(folder_.get(), &ours) == 0 && there.st_dev == ours.st_dev &&
                              there.st_ino == ours.st_ino;
  if (!is_same_folder) {
    return Failure("the runs folder " + runs_dir_ +
                   " was moved or removed; put it back or restart the daemon");
  }
  if (!folder_is_locked_ && !IsSame(LockPath(runs_dir_), file_.get())) {
    return Failure(LockPath(runs_dir_) +
                   " was removed, another daemon may be writing here; restart the daemon");
  }
  return {};
}

}  // namespace stagelog
