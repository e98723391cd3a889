// The events in stagelog.db, for comparison. A daemon may be running.
#ifndef STAGELOG_CLI_OFFLINE_DATABASE_ROWS_H_
#define STAGELOG_CLI_OFFLINE_DATABASE_ROWS_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/exit_code.h"

namespace stagelog::cli {

// Opened for reading only. One thread at a time. Throws SQLite::Exception but for Open().
class DatabaseRows {
 public:
  // kBadFile when there is no database of a journal at `path`.
  static CliResult<std::unique_ptr<DatabaseRows>> Open(const std::string& path);

  // The line of the event with that seq; none when there is no such row.
  std::optional<std::string> BodyOf(int64_t seq);

  // The DigestOf() the line of an event that the database has dropped; none when it has not.
  std::optional<int64_t> DigestOfDropped(int64_t seq);

  // The job's last event.
  struct Last {
    int64_t job_seq = 0;  // 0: the database does not know the job
    int64_t seq = 0;
    std::string body;
  };
  Last LastOf(const std::string& job_id);

  std::vector<std::string> JobIds();

 private:
  explicit DatabaseRows(const std::string& path);

  SQLite::Database database_;
  const bool is_listed_;  // not in a database of an older version
  SQLite::Statement body_of_;
  std::optional<SQLite::Statement> digest_of_;  // none in a database of an older version
  SQLite::Statement last_of_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_DATABASE_ROWS_H_
