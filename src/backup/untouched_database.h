// A database that is looked at and left exactly as it is.
#ifndef STAGELOG_BACKUP_UNTOUCHED_DATABASE_H_
#define STAGELOG_BACKUP_UNTOUCHED_DATABASE_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <string>

#include "base/file_system.h"

namespace stagelog {

// Opens the database at `path`, with what a crash has left in its write-ahead log, so that neither
// reading nor closing changes or makes any file: what SQLite would do to both without being asked.
// Nobody else may have it open. Throws SQLite::Exception.
std::unique_ptr<SQLite::Database> OpenUntouched(FileSystem& files, const std::string& path);

}  // namespace stagelog

#endif  // STAGELOG_BACKUP_UNTOUCHED_DATABASE_H_
