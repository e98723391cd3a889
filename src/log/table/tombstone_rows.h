// The rows of deleted_jobs, for whoever has the database open.
#ifndef STAGELOG_LOG_TABLE_TOMBSTONE_ROWS_H_
#define STAGELOG_LOG_TABLE_TOMBSTONE_ROWS_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <vector>

#include "log/file/tombstones.h"

namespace stagelog {

enum class TombstoneRows { kAll, kPending };

// In the order of their deletion. Throws SQLite::Exception.
std::vector<Tombstone> ReadTombstoneRows(SQLite::Database& database, TombstoneRows which);

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_TOMBSTONE_ROWS_H_
