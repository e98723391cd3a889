// Files that several processes append to, lock and remove.
#ifndef STAGELOG_CLIENT_SPOOL_FILE_H_
#define STAGELOG_CLIENT_SPOOL_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog::cli {

// Makes the folder and those above it, for this user alone.
Status MakePrivateFolders(const std::string& path);

// Opens or makes `path` and locks it (flock), never one that has been removed meanwhile. An invalid
// descriptor: another holds the lock and `waits` is false.
Result<UniqueFd> OpenLocked(const std::string& path, bool waits);

// Locks a file that is open. False when it has been removed.
bool LockIfLinked(int fd);

uint64_t SizeOf(int fd);
// Up to `size` bytes at `offset`; fewer only at the end.
Result<std::string> ReadAt(int fd, uint64_t offset, size_t size);

// Where the last line ends that has its newline; `size` when the file ends so.
Result<uint64_t> EndOfLastLine(int fd, uint64_t size);

// Writes `path`.new and renames it over `path`.
Status ReplaceSmallFile(const std::string& path, std::string_view bytes);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SPOOL_FILE_H_
