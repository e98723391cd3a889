// How SQLite is opened here.
#ifndef STAGELOG_LOG_TABLE_SQLITE_SETUP_H_
#define STAGELOG_LOG_TABLE_SQLITE_SETUP_H_

#include <sqlite3.h>

namespace stagelog {

// No connection is used by two threads at once, so that SQLite need not lock each of them at each
// call (https://www.sqlite.org/threadsafe.html, "multi-thread").
inline constexpr int kReadWrite = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

// How long a connection waits for the lock of another one.
inline constexpr int kBusyMillis = 5'000;

// Before the first connection of the process: SQLite does not count its memory, under a lock, at
// each allocation. Too late it does nothing. Safe from any thread.
void SetUpSqlite();

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_SQLITE_SETUP_H_
