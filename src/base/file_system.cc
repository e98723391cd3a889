#include "base/file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>
#include <shared_mutex>

#include "base/unique_fd.h"

namespace stagelog {
namespace {

tl::unexpected<Error> ErrnoFailure(const std::string& action, const std::string& path) {
  const int number = errno;
  return Failure(action + " " + path + ": " + std::strerror(number), number);
}

// An error of close() is the last chance to hear of bytes that were not written. EINTR is none: on
// Linux the descriptor is gone then.
Status CloseAndTell(UniqueFd& fd, const std::string& path) {
  if (::close(fd.Release()) != 0 && errno != EINTR) return ErrnoFailure("cannot close", path);
  return {};
}

FileInfo InfoFrom(const struct stat& info) {
  FileInfo result;
  result.size = static_cast<uint64_t>(info.st_size);
  result.mtime_ns = info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec;
  result.inode = info.st_ino;
  result.is_directory = S_ISDIR(info.st_mode);
  result.is_regular = S_ISREG(info.st_mode);
  return result;
}

class RealAppendFile : public AppendFile {
 public:
  RealAppendFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Status Append(std::string_view bytes) override { return WriteAll(fd_.get(), bytes, path_); }

  Status Sync() override {
    if (::fdatasync(fd_.get()) != 0) return ErrnoFailure("cannot sync", path_);
    return {};
  }

  Result<FileInfo> Info() override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return ErrnoFailure("cannot stat", path_);
    // Some file systems count no links: what the path leads to decides.
    struct stat named {};
    const bool is_removed =
        info.st_nlink == 0 && (::lstat(path_.c_str(), &named) != 0 || named.st_ino != info.st_ino);
    if (is_removed) return Failure(path_ + " was removed", ENOENT);
    return InfoFrom(info);
  }

  Status Close() override { return CloseAndTell(fd_, path_); }

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

// Where a path is: a name in a folder that is open, or the path as it is.
struct Place {
  UniqueFd folder;
  std::string name;
  bool is_guarded = false;  // below a folder below which no link is followed

  int at() const { return folder.valid() ? folder.get() : AT_FDCWD; }
  int no_follow() const { return is_guarded ? O_NOFOLLOW : 0; }
};

// The folders below which no link is followed. They are few, and are never taken back.
class GuardedFolders {
 public:
  void Add(std::string folder) {
    while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
    const std::unique_lock lock(mutex_);
    folders_.insert(std::move(folder));
  }

  // What stands in `path` behind the longest of them; no value where none holds it.
  std::optional<std::string_view> RestOf(std::string_view path, std::string& folder) const {
    const std::shared_lock lock(mutex_);
    if (folders_.empty()) return std::nullopt;
    for (size_t slash = path.rfind('/'); slash != std::string_view::npos && slash > 0;
         slash = path.rfind('/', slash - 1)) {
      const auto found = folders_.find(path.substr(0, slash));
      if (found == folders_.end()) continue;
      folder = *found;
      return path.substr(slash + 1);
    }
    return std::nullopt;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::set<std::string, std::less<>> folders_;
};

class PosixFileSystem : public FileSystem {
 public:
  void FollowNoLinksBelow(const std::string& folder) override { guarded_.Add(folder); }

  Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override {
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    Result<UniqueFd> fd = Open(path, kFlags, "cannot open");
    if (!fd) return tl::unexpected(fd.error());
    struct stat info {};
    if (::fstat(fd->get(), &info) != 0) return ErrnoFailure("cannot stat", path);
    if (!S_ISREG(info.st_mode)) {
      return Failure(path + " is not a regular file", EINVAL);  // a pipe would block its writer
    }
    return std::make_unique<RealAppendFile>(std::move(*fd), path);
  }

  Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) override {
    Result<UniqueFd> fd = Open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, "cannot open");
    if (!fd) return tl::unexpected(fd.error());
    return std::make_unique<RealReadFile>(std::move(*fd), path);
  }

  Status WriteFile(const std::string& path, std::string_view bytes) override {
    Result<UniqueFd> fd =
        Open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, "cannot create");
    if (!fd) return tl::unexpected(fd.error());
    if (Status written = WriteAll(fd->get(), bytes, path); !written) return written;
    if (::fsync(fd->get()) != 0) return ErrnoFailure("cannot sync", path);
    return CloseAndTell(*fd, path);
  }

  Status Rewrite(const std::string& path, uint64_t offset) override {
    Result<UniqueFd> fd = Open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, "cannot open");
    if (!fd) return tl::unexpected(fd.error());
    std::string chunk(size_t{1} << 20, '\0');
    for (off_t place = static_cast<off_t>(offset);;) {
      const ssize_t got = ::pread(fd->get(), chunk.data(), chunk.size(), place);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoFailure("cannot read", path);
      if (got == 0) break;
      for (ssize_t done = 0; done < got;) {
        const ssize_t written =
            ::pwrite(fd->get(), chunk.data() + done, static_cast<size_t>(got - done), place + done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return ErrnoFailure("cannot write", path);
        done += written;
      }
      place += got;
    }
    if (::fdatasync(fd->get()) != 0) return ErrnoFailure("cannot sync", path);
    return CloseAndTell(*fd, path);
  }

  Status Truncate(const std::string& path, uint64_t size) override {
    Result<UniqueFd> fd = Open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW, "cannot open");
    if (!fd) return tl::unexpected(fd.error());
    if (::ftruncate(fd->get(), static_cast<off_t>(size)) != 0) {
      return ErrnoFailure("cannot truncate", path);
    }
    return CloseAndTell(*fd, path);
  }

  Status Rename(const std::string& from, const std::string& to) override {
    const Result<Place> old_place = Locate(from);
    if (!old_place) return tl::unexpected(old_place.error());
    const Result<Place> new_place = Locate(to);
    if (!new_place) return tl::unexpected(new_place.error());
    if (::renameat(old_place->at(), old_place->name.c_str(), new_place->at(),
                   new_place->name.c_str()) != 0) {
      return ErrnoFailure("cannot rename", from);
    }
    return {};
  }

  Status Remove(const std::string& path) override {
    const Result<Place> place = Locate(path);
    if (!place) return tl::unexpected(place.error());
    if (::unlinkat(place->at(), place->name.c_str(), 0) != 0) {
      return ErrnoFailure("cannot remove", path);
    }
    return {};
  }

  Status RemoveDirectory(const std::string& path) override {
    const Result<Place> place = Locate(path);
    if (!place) return tl::unexpected(place.error());
    if (::unlinkat(place->at(), place->name.c_str(), AT_REMOVEDIR) != 0) {
      return ErrnoFailure("cannot remove folder", path);
    }
    return {};
  }

  Status CreateDirectory(const std::string& path) override {
    const Result<Place> place = Locate(path);
    if (!place) return tl::unexpected(place.error());
    if (::mkdirat(place->at(), place->name.c_str(), 0755) == 0) return {};
    if (errno != EEXIST) return ErrnoFailure("cannot create folder", path);
    struct stat info {};
    const int flags = place->is_guarded ? AT_SYMLINK_NOFOLLOW : 0;
    if (::fstatat(place->at(), place->name.c_str(), &info, flags) != 0) {
      return ErrnoFailure("cannot stat", path);
    }
    if (S_ISDIR(info.st_mode)) return {};
    errno = ENOTDIR;
    return ErrnoFailure("cannot use folder", path);
  }

  Status SyncDirectory(const std::string& path) override {
    Result<UniqueFd> fd = OpenDirectory(path, "cannot open folder");
    if (!fd) return tl::unexpected(fd.error());
    if (::fsync(fd->get()) != 0) return ErrnoFailure("cannot sync folder", path);
    return CloseAndTell(*fd, path);
  }

  Result<std::vector<std::string>> List(const std::string& path) override {
    Result<UniqueFd> fd = OpenDirectory(path, "cannot list");
    if (!fd) return tl::unexpected(fd.error());
    DIR* directory = ::fdopendir(fd->get());
    if (directory == nullptr) return ErrnoFailure("cannot list", path);
    static_cast<void>(fd->Release());  // the stream's now
    std::vector<std::string> names;
    int trouble = 0;
    while (true) {
      errno = 0;  // readdir(3): the end of the folder leaves it alone
      const dirent* entry = ::readdir(directory);
      if (entry == nullptr) {
        trouble = errno;
        break;
      }
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    if (::closedir(directory) != 0 && trouble == 0) trouble = errno;
    if (trouble == 0) return names;
    errno = trouble;
    return ErrnoFailure("cannot list completely", path);
  }

  // Looks by path: it is asked after each append, opens nothing and changes nothing.
  Result<std::optional<FileInfo>> Stat(const std::string& path) override {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileInfo>();
      return ErrnoFailure("cannot stat", path);
    }
    return std::optional<FileInfo>(InfoFrom(info));
  }

  Result<uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0)
      return ErrnoFailure("cannot get the free space of", path);
    return uint64_t{info.f_bavail} * info.f_frsize;
  }

 private:
  // Opens the folders on the way one in the other. ENOTDIR where a link is among them.
  Result<Place> Locate(const std::string& path) const {
    std::string root;
    const std::optional<std::string_view> rest = guarded_.RestOf(path, root);
    Place place;
    place.name = path;
    place.is_guarded = rest.has_value();
    const size_t last_slash = rest ? rest->rfind('/') : std::string_view::npos;
    if (last_slash == std::string_view::npos) return place;
    constexpr int kFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    UniqueFd folder(::open(root.c_str(), kFlags));
    if (!folder.valid()) return ErrnoFailure("cannot open folder", root);
    for (std::string_view folders = rest->substr(0, last_slash); !folders.empty();) {
      const size_t slash = folders.find('/');
      const std::string name(folders.substr(0, slash));
      folders.remove_prefix(slash == std::string_view::npos ? folders.size() : slash + 1);
      if (name.empty() || name == ".") continue;
      if (name == "..")
        return Failure("'..' is not allowed in a path below " + root + ": " + path, EINVAL);
      UniqueFd next(::openat(folder.get(), name.c_str(), kFlags | O_NOFOLLOW));
      if (!next.valid()) return ErrnoFailure("cannot open folder " + name + " in the path", path);
      folder = std::move(next);
    }
    place.folder = std::move(folder);
    place.name = rest->substr(last_slash + 1);
    return place;
  }

  Result<UniqueFd> Open(const std::string& path, int flags, const char* action) const {
    const Result<Place> place = Locate(path);
    if (!place) return tl::unexpected(place.error());
    UniqueFd fd(::openat(place->at(), place->name.c_str(), flags, 0644));
    if (!fd.valid()) return ErrnoFailure(action, path);
    return fd;
  }

  Result<UniqueFd> OpenDirectory(const std::string& path, const char* action) const {
    const Result<Place> place = Locate(path);
    if (!place) return tl::unexpected(place.error());
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | place->no_follow();
    UniqueFd fd(::openat(place->at(), place->name.c_str(), flags));
    if (!fd.valid()) return ErrnoFailure(action, path);
    return fd;
  }

  GuardedFolders guarded_;
};

}  // namespace

Status WriteAll(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoFailure("cannot write", path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

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

Status RewriteOrSync(FileSystem& files, const std::string& path, uint64_t offset) {
  Status written = files.Rewrite(path, offset);
  const int problem = written ? 0 : written.error().error_number;
  if (problem != ENOSPC && problem != EDQUOT) return written;
  const Result<std::unique_ptr<AppendFile>> file = files.OpenAppend(path);
  if (!file) return tl::unexpected(file.error());
  return (*file)->Sync();
}

Status RemoveIfExists(FileSystem& files, const std::string& path) {
  Status removed = files.Remove(path);
  if (!removed && removed.error().error_number == ENOENT) return {};
  return removed;
}

Status ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp";
  if (Status gone = RemoveIfExists(files, temporary); !gone) return gone;
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
