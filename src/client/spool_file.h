// Files that several processes append to, lock and remove concurrently.
#ifndef STAGELOG_CLIENT_SPOOL_FILE_H_
#define STAGELOG_CLIENT_SPOOL_FILE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog::cli {

// Creates the folder and its parents, accessible to this user only.
Status MakePrivateFolders(const std::string& path);

// Opens or creates `path` and locks it (flock), retrying if it was removed meanwhile. An invalid
// descriptor: it is locked and `waits` is false.
Result<UniqueFd> OpenLocked(const std::string& path, bool waits);

// Locks a file that is open. False when it has been removed.
bool LockIfLinked(int fd);

// Which file it is: its inode and a digest of its first line, for an inode that is free is soon
// given to another file.
std::string FileIdentity(int fd);

uint64_t SizeOf(int fd);
// Up to `size` bytes at `offset`; fewer only at the end.
Result<std::string> ReadAt(int fd, uint64_t offset, size_t size);

// The end of the last terminated line; `size` if the file ends with a newline.
Result<uint64_t> EndOfLastLine(int fd, uint64_t size);

// Writes `path`.new, readable by this user only, and renames it over `path`. With `is_synced` it
// survives a power loss.
Status ReplaceSmallFile(const std::string& path, std::string_view bytes, bool is_synced);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SPOOL_FILE_H_
