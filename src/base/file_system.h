// The disk as a seam: what the journal does with files goes through here, so that a test can make
// any of it fail, tear, or be forgotten by a crash.
#ifndef STAGELOG_BASE_FILE_SYSTEM_H_
#define STAGELOG_BASE_FILE_SYSTEM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace stagelog {

// Writes all of `bytes` to `fd`, a file or pipe that blocks; `path` is for the error's text.
Status WriteAll(int fd, std::string_view bytes, const std::string& path);

// A file that only grows. One thread at a time.
class AppendFile {
 public:
  virtual ~AppendFile() = default;

  // Writes all of `bytes` at the end. After a failure any prefix of them may be in the file.
  virtual Status Append(std::string_view bytes) = 0;

  // Returns when everything appended so far is on stable storage.
  virtual Status Sync() = 0;

  // Lets go of the file. Some disks (NFS, a quota) tell only now that they could not write. Nothing
  // is called after it; who throws the file away without it does not want to know.
  virtual Status Close() = 0;
};

// A file open for reading at any place. One thread at a time.
class ReadFile {
 public:
  virtual ~ReadFile() = default;

  // Reads up to `size` bytes at `offset` into `buffer`; fewer only at the end of the file.
  virtual Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) = 0;
};

// Identifies one version of a file without reading it.
struct FileInfo {
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // nanoseconds since 1970
  uint64_t inode = 0;
  bool is_directory = false;
  bool is_regular = false;

  bool operator==(const FileInfo&) const = default;
};

// Safe to call from any thread. Paths are UTF-8; a symbolic link as the last part of a path is
// never followed when a file is opened (a job's folder must not lead out of the runs folder).
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // From now on no symbolic link below `folder` is followed by anything but Stat(): each folder on
  // the way is opened in the one before, so that one that is exchanged for a link after somebody
  // has looked at it leads nowhere (ENOTDIR). `folder` itself may be a link, or be missing.
  virtual void FollowNoLinksBelow(const std::string& folder) = 0;

  virtual Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) = 0;
  virtual Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) = 0;

  // Creates or replaces the file with `bytes` and syncs the file (not its folder).
  virtual Status WriteFile(const std::string& path, std::string_view bytes) = 0;

  // Writes what the file holds from `offset` on over itself and syncs it. After a failed sync the
  // kernel may count pages as written that never reached the disk, and a second sync then succeeds
  // without a reason; pages that are written anew are in no such doubt. Takes no room.
  virtual Status Rewrite(const std::string& path, uint64_t offset) = 0;

  virtual Status Truncate(const std::string& path, uint64_t size) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;

  // The folder must be empty.
  virtual Status RemoveDirectory(const std::string& path) = 0;

  // Succeeds when the folder is there afterwards.
  virtual Status CreateDirectory(const std::string& path) = 0;

  // Makes creations, renames and removals inside the folder survive a power cut.
  virtual Status SyncDirectory(const std::string& path) = 0;

  // All names inside the folder, without "." and "..", in no particular order; a failure where some
  // could not be read.
  virtual Result<std::vector<std::string>> List(const std::string& path) = 0;

  // No value when nothing is there. Symbolic links are not followed.
  virtual Result<std::optional<FileInfo>> Stat(const std::string& path) = 0;

  // Bytes that are free on the disk of the folder for who is not root.
  virtual Result<uint64_t> FreeBytes(const std::string& path) = 0;

  // Name of the SQLite VFS that belongs to this file system; empty for SQLite's own.
  virtual std::string SqliteVfs() const { return ""; }
};

// The machine's own disk. Lives as long as the process.
FileSystem& RealFileSystem();

// The whole file, at most `max_bytes` (a longer one is a failure).
Result<std::string> ReadWholeFile(FileSystem& files, const std::string& path,
                                  uint64_t max_bytes = uint64_t{1} << 30);

// Removes a file, or a symbolic link, that need not be there.
Status RemoveIfThere(FileSystem& files, const std::string& path);

// Writes `path`.tmp (anew: what a crash or somebody's link has left there is not written through),
// syncs it, renames it over `path` and syncs the folder: a reader, and a machine after a power cut,
// sees the old document or the new one, never a part.
Status ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes);

// The folder that holds `path`; "." for a bare name.
std::string ParentDirectory(const std::string& path);

}  // namespace stagelog

#endif  // STAGELOG_BASE_FILE_SYSTEM_H_
