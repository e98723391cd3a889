#include "journal/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace stagelog {
namespace {

std::string Holder(int fd) {
  std::array<char, 64> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  std::string holder(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  while (!holder.empty() && holder.back() == '\n') holder.pop_back();
  return holder.empty() ? "another program" : holder;
}

std::string LockPath(const std::string& runs_dir) { return runs_dir + "/stagelog.lock"; }

Status LockFile(int fd, const std::string& runs_dir) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  const int number = errno;
  return Failure("the runs folder " + runs_dir + " is in use by " + Holder(fd), number);
}

}  // namespace

Result<RunLock> RunLock::TakeForReading(const std::string& runs_dir) {
  const std::string path = LockPath(runs_dir);
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid() && errno == ENOENT) return RunLock(UniqueFd());
  if (!file.valid()) return Failure("cannot open " + path + ": " + std::strerror(errno), errno);
  if (Status locked = LockFile(file.get(), runs_dir); !locked) {
    return tl::unexpected(locked.error());
  }
  return RunLock(std::move(file));
}

Result<RunLock> RunLock::Take(const std::string& runs_dir) {
  const std::string path = LockPath(runs_dir);
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!file.valid()) {
    return Failure("cannot open " + path + ": " + std::strerror(errno), errno);
  }
  if (Status locked = LockFile(file.get(), runs_dir); !locked) {
    return tl::unexpected(locked.error());
  }
  const std::string text = "stagelogd (pid " + std::to_string(::getpid()) + ")\n";
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return Failure("cannot write " + path + ": " + std::strerror(errno), errno);
  }
  return RunLock(std::move(file));
}

}  // namespace stagelog
