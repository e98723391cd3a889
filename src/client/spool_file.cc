#include "client/spool_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file_system.h"
#include "base/sha256.h"

namespace stagelog::cli {
namespace {

constexpr int kOpenFlags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
constexpr size_t kReadBytes = size_t{64} << 10;
// Each turn means that somebody removed the file or its folder in this very moment.
constexpr int kMaxTurns = 1'000;

tl::unexpected<Error> FileFailure(const std::string& path) {
  const int error = errno;
  return Failure(path + ": " + std::strerror(error), error);
}

bool LockWaiting(int fd) {
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

bool IsLinked(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && info.st_nlink > 0;
}

}  // namespace

Status MakePrivateFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return FileFailure(part);
    if (slash == std::string::npos) return {};
  }
}

Result<UniqueFd> OpenLocked(const std::string& path, bool waits) {
  const std::string folder = path.substr(0, path.rfind('/'));
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    UniqueFd file(::open(path.c_str(), kOpenFlags, 0600));
    if (!file.valid() && errno == ENOENT) {
      if (Status made = MakePrivateFolders(folder); !made) return tl::unexpected(made.error());
      continue;
    }
    if (!file.valid()) return FileFailure(path);
    if (!waits && ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return UniqueFd();
      return FileFailure(path);
    }
    if (waits && !LockWaiting(file.get())) return FileFailure(path);
    if (IsLinked(file.get())) return file;
  }
  return Failure(path + ": the file keeps being removed", EBUSY);
}

bool LockIfLinked(int fd) {
  if (!LockWaiting(fd)) return false;
  if (IsLinked(fd)) return true;
  ::flock(fd, LOCK_UN);
  return false;
}

std::string FileIdentity(int fd) {
  constexpr size_t kEnough = 4096;  // an event's id stands before its payload
  struct stat info {};
  const bool is_known = ::fstat(fd, &info) == 0;
  const Result<std::string> begin = ReadAt(fd, 0, kEnough);
  const std::string first_line = begin ? begin->substr(0, begin->find('\n')) : "";
  return std::to_string(is_known ? info.st_ino : 0) + " " + Sha256Hex(first_line);
}

uint64_t SizeOf(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? static_cast<uint64_t>(info.st_size) : 0;
}

Result<std::string> ReadAt(int fd, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  size_t have = 0;
  while (have < size) {
    const ssize_t count =
        ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failure(std::strerror(errno), errno);
    have += static_cast<size_t>(count);
  }
  bytes.resize(have);
  return bytes;
}

Result<uint64_t> EndOfLastLine(int fd, uint64_t size) {
  for (uint64_t end = size; end > 0;) {
    const uint64_t start = end - std::min<uint64_t>(end, kReadBytes);
    const auto bytes = ReadAt(fd, start, static_cast<size_t>(end - start));
    if (!bytes) return tl::unexpected(bytes.error());
    const size_t newline = bytes->rfind('\n');
    if (newline != std::string::npos) return start + newline + 1;
    end = start;
  }
  return uint64_t{0};
}

Status ReplaceSmallFile(const std::string& path, std::string_view bytes, bool is_synced) {
  const std::string draft = path + ".new";
  UniqueFd file(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return FileFailure(draft);
  if (Status written = WriteAll(file.get(), bytes, draft); !written) return written;
  if (is_synced && ::fsync(file.get()) != 0) return FileFailure(draft);
  file.Reset();
  if (::rename(draft.c_str(), path.c_str()) != 0) return FileFailure(path);
  return is_synced ? RealFileSystem().SyncDirectory(ParentDirectory(path)) : Status();
}

}  // namespace stagelog::cli
