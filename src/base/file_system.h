// Injectable file system: all file access of the journal goes through it, so that tests can make
// any call fail, tear a write, or lose unsynced data in a simulated crash.
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

// Identifies one version of a file without reading it.
struct FileInfo {
  uint64_t size = 0;     // bytes
  int64_t mtime_ns = 0;  // nanoseconds since 1970
  uint64_t inode = 0;
  bool is_directory = false;
  bool is_regular = false;

  bool operator==(const FileInfo&) const = default;
};

// A file that only grows. One thread at a time.
class AppendFile {
 public:
  virtual ~AppendFile() = default;

  // Writes all of `bytes` at the end. After a failure any prefix of them may be in the file.
  virtual Status Append(std::string_view bytes) = 0;

  // Returns when everything appended so far is on stable storage.
  virtual Status Sync() = 0;

  // Of the open file, whatever its path leads to by now; fails with ENOENT where its last name was
  // removed.
  virtual Result<FileInfo> Info() = 0;

  // Closes the file. Some file systems (NFS, quotas) report write errors only here. No call may
  // follow. Destroying the object without Close() ignores such errors.
  virtual Status Close() = 0;
};

// A file open for reading at any place. One thread at a time.
class ReadFile {
 public:
  virtual ~ReadFile() = default;

  // Reads up to `size` bytes at `offset` into `buffer`; fewer only at the end of the file.
  virtual Result<size_t> ReadAt(uint64_t offset, char* buffer, size_t size) = 0;
};

// Safe to call from any thread. Paths are UTF-8; a symbolic link as the last part of a path is
// never followed when a file is opened (a job's folder must not lead out of the runs folder).
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // From now on only Stat() follows symbolic links below `folder`: each folder of a path is opened
  // relative to the one before, so that a folder replaced by a link after a check fails with
  // ENOTDIR. `folder` itself may be a link, or be missing.
  virtual void FollowNoLinksBelow(const std::string& folder) = 0;

  virtual Result<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) = 0;
  virtual Result<std::unique_ptr<ReadFile>> OpenRead(const std::string& path) = 0;

  // Creates or replaces the file with `bytes` and syncs the file (not its folder).
  virtual Status WriteFile(const std::string& path, std::string_view bytes) = 0;

  // Rewrites the bytes from `offset` to the end of the file in place and syncs it. After a failed
  // sync the kernel may mark pages as clean that never reached the disk, so that a second sync
  // succeeds wrongly; rewritten pages are dirty again. Needs no extra space.
  virtual Status Rewrite(const std::string& path, uint64_t offset) = 0;

  virtual Status Truncate(const std::string& path, uint64_t size) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;

  // The folder must be empty.
  virtual Status RemoveDirectory(const std::string& path) = 0;

  // Succeeds if the folder exists afterwards.
  virtual Status CreateDirectory(const std::string& path) = 0;

  // Makes creations, renames and removals inside the folder survive a power cut.
  virtual Status SyncDirectory(const std::string& path) = 0;

  // All names inside the folder, without "." and "..", in no particular order; a failure where some
  // could not be read.
  virtual Result<std::vector<std::string>> List(const std::string& path) = 0;

  // No value if the path does not exist. Symbolic links are not followed.
  virtual Result<std::optional<FileInfo>> Stat(const std::string& path) = 0;

  // Bytes free for unprivileged users on the file system of the folder.
  virtual Result<uint64_t> FreeBytes(const std::string& path) = 0;

  // Name of the SQLite VFS that belongs to this file system; empty for SQLite's own.
  virtual std::string SqliteVfs() const { return ""; }
};

// The machine's own disk. Lives as long as the process.
FileSystem& RealFileSystem();

// The whole file, at most `max_bytes` (a longer one is a failure).
Result<std::string> ReadWholeFile(FileSystem& files, const std::string& path,
                                  uint64_t max_bytes = uint64_t{1} << 30);

// Rewrites the file from `offset` on (FileSystem::Rewrite); where there is no room even for that (a
// file system that copies on writing), syncs it.
Status RewriteOrSync(FileSystem& files, const std::string& path, uint64_t offset);

// Removes a file or a symbolic link, if it exists.
Status RemoveIfExists(FileSystem& files, const std::string& path);

// Writes `path`.tmp (a new file: a leftover or a link there is not written through), syncs it,
// renames it over `path` and syncs the folder: readers see the old document or the new one, never a
// part, also after a power cut.
Status ReplaceFile(FileSystem& files, const std::string& path, std::string_view bytes);

// The folder that holds `path`; "." for a bare name.
std::string ParentDirectory(const std::string& path);

}  // namespace stagelog

#endif  // STAGELOG_BASE_FILE_SYSTEM_H_
