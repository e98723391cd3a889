// Opens a database read-only and without side effects.
#ifndef STAGELOG_BACKUP_OPEN_WITHOUT_SIDE_EFFECTS_H_
#define STAGELOG_BACKUP_OPEN_WITHOUT_SIDE_EFFECTS_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <string>

#include "base/file_system.h"

namespace stagelog {

// Opens the database at `path`, including the write-ahead log left by a crash, so that neither
// reading nor closing changes or creates any file, which SQLite would do by default. No other
// process may have it open. Throws SQLite::Exception.
std::unique_ptr<SQLite::Database> OpenWithoutSideEffects(FileSystem& files,
                                                         const std::string& path);

}  // namespace stagelog

#endif  // STAGELOG_BACKUP_OPEN_WITHOUT_SIDE_EFFECTS_H_
