#include "backup/open_without_side_effects.h"

#include <sqlite3.h>

#include <array>
#include <cstdio>

namespace stagelog {
namespace {

constexpr int kShortBusyMillis = 1'000;

std::string ImmutableUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%') {
      std::array<char, 4> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned>(c));
      uri += escaped.data();
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

std::unique_ptr<SQLite::Database> OpenWithoutSideEffects(FileSystem& files,
                                                         const std::string& path) {
  const auto log = files.Stat(path + "-wal");
  if (!log) throw SQLite::Exception(log.error().message);  // without it events would be missed
  const bool has_log = log->has_value() && (*log)->size > 0;
  if (!has_log) {
    return std::make_unique<SQLite::Database>(ImmutableUri(path),
                                              SQLite::OPEN_READONLY | SQLite::OPEN_URI,
                                              kShortBusyMillis, files.SqliteVfs());
  }
  auto database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE, kShortBusyMillis,
                                                     files.SqliteVfs());
  // The index of the log is kept in memory, not in the -shm file.
  database->exec("PRAGMA locking_mode=EXCLUSIVE");
  database->exec("PRAGMA query_only=ON");
  ::sqlite3_db_config(database->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return database;
}

}  // namespace stagelog
