// Writes a transaction's part of SQLite's write-ahead log at once, where SQLite itself makes two
// write() calls for each page.
#ifndef STAGELOG_LOG_TABLE_GATHERED_WAL_H_
#define STAGELOG_LOG_TABLE_GATHERED_WAL_H_

#include <string>

namespace stagelog {

// The name of a SQLite VFS over the one called `base` (empty: SQLite's own). Files other than
// databases and write-ahead logs are the base's. What is written to a log is kept in memory, up to
// 512 KiB, until a transaction's last frame is there, or the log is synced, read, measured or cut,
// or written in another place; then 64 KiB are written at a time. So SQLite shows no transaction to
// other connections before it is in the file, and hears of a failure from its own last write. What
// is left of a transaction that was rolled back is dropped when its lock is released.
// Safe from any thread. The VFS is registered once and lives as long as the process.
std::string GatheredWalVfs(const std::string& base);

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_GATHERED_WAL_H_
