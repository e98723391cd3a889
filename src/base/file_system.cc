#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/unique_fd.h"

namespace stagelog {
namespace {

tl::unexpected<Error> ErrnoFailure(const std::string& action, const std::string& path) {
  const int number = errno;
  return Failure(action + " " + path + ": " + std::strerror(number), number);
}

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoFailure("cannot write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

class RealAppendFile : public AppendFile {
 public:
  RealAppendFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Status Append(std::string_view bytes) override { return WriteAll(fd_.get(), bytes, path_); }

  Status Sync() override {
    if (::fdatasync(fd_.get()) != 0) return ErrnoFailure("cannot sync", path_);
    return {};
  }

 private:
  UniqueFd fd_;
  std::string path_;
};

class RealReadFile : public ReadFile {
 public:
  RealReadFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) override {
    size_t done = 0;
    while (done < size) {
      const ssize_t got =
          ::pread(fd_.get(), buffer + done, size - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoFailure("cannot read", path_);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

 private:
  UniqueFd fd_;
  std::string path_;
};

class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override {
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    UniqueFd fd(::open(path.c_str(), kFlags, 0644));
    if (!fd.valid()) return ErrnoFailure("cannot open", path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
      return Failure(path + " is no plain file", EINVAL);  // a pipe would block its writer
    }
    return std::make_unique<RealAppendFile>(std::move(fd), path);
  }

  Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd.valid()) return ErrnoFailure("cannot open", path);
    return std::make_unique<RealReadFile>(std::move(fd), path);
  }

  Status WriteFile(const std::string& path, std::string_view bytes) override {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd.valid()) return ErrnoFailure("cannot create", path);
    if (Status written = WriteAll(fd.get(), bytes, path); !written) return written;
    if (::fsync(fd.get()) != 0) return ErrnoFailure("cannot sync", path);
    return {};
  }

  Status Truncate(const std::string& path, uint64_t size) override {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd.valid()) return ErrnoFailure("cannot open", path);
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
      return ErrnoFailure("cannot truncate", path);
    }
    return {};
  }

  Status Rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoFailure("cannot rename", from);
    return {};
  }

  Status Remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return ErrnoFailure("cannot remove", path);
    return {};
  }

  Status RemoveDirectory(const std::string& path) override {
    if (::rmdir(path.c_str()) != 0) return ErrnoFailure("cannot remove folder", path);
    return {};
  }

  Status CreateDirectory(const std::string& path) override {
    if (::mkdir(path.c_str(), 0755) == 0) return {};
    if (errno != EEXIST) return ErrnoFailure("cannot create folder", path);
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    errno = ENOTDIR;
    return ErrnoFailure("cannot use folder", path);
  }

  Status SyncDirectory(const std::string& path) override {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return ErrnoFailure("cannot open folder", path);
    if (::fsync(fd.get()) != 0) return ErrnoFailure("cannot sync folder", path);
    return {};
  }

  Result<std::vector<std::string>> List(const std::string& path) override {
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return ErrnoFailure("cannot list", path);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(directory);
    return names;
  }

  Result<std::optional<FileInfo>> Stat(const std::string& path) override {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileInfo>();
      return ErrnoFailure("cannot look at", path);
    }
    FileInfo result;
    result.size = static_cast<uint64_t>(info.st_size);
    result.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
    result.inode = info.st_ino;
    result.is_directory = S_ISDIR(info.st_mode);
    result.is_regular = S_ISREG(info.st_mode);
    return std::optional<FileInfo>(result);
  }
};

}  // namespace

FileSystem& RealFileSystem() {
  static PosixFileSystem files;
  return files;
}

Result<std::string> ReadWholeFile(FileSystem& files, const std::string& path, uint64_t max_bytes) {
  Result<std::optional<FileInfo>> info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (!info->has_value()) return Failure("no such file: " + path, ENOENT);
  if ((*info)->size > max_bytes) return Failure("too large: " + path, EFBIG);
  Result<std::unique_ptr<ReadFile>> file = files.OpenRead(path);
  if (!file) return tl::unexpected(file.error());
  std::string bytes((*info)->size, '\0');
  Result<size_t> got = (*file)->ReadAt(0, bytes.data(), bytes.size());
  if (!got) return tl::unexpected(got.error());
  bytes.resize(*got);
  return bytes;
}

Status RemoveIfThere(FileSystem& files, const std::string& path) {
  Status removed = files.Remove(path);
  if (!removed && removed.error().error_number == ENOENT) return {};
  return removed;
}

Status ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  if (Status gone = RemoveIfThere(files, temporary); !gone) return gone;
  if (Status written = files.WriteFile(temporary, bytes); !written) return written;
  if (Status renamed = files.Rename(temporary, path); !renamed) return renamed;
  return files.SyncDirectory(ParentDirectory(path));
}

std::string ParentDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace stagelog
