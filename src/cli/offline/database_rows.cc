#include "cli/offline/database_rows.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/file_system.h"
#include "log/recovery.h"
#include "log/table/job_events.h"

namespace stagelog::cli {
namespace {

constexpr int kBusyMillis = 5000;

// The seq of the last event of the job whose first seq is ?1.
constexpr const char* kLastOfJob = "(SELECT max(seq) FROM events WHERE job = ?1)";
// The same where there is the table job_events, which may be behind.
constexpr const char* kLastListedOrInTail =
    "coalesce((SELECT max(seq) FROM events WHERE job = ?1 AND seq > "
    "(SELECT CAST(value AS INTEGER) FROM journal WHERE key = 'tables_through')), "
    "(SELECT max(seq) FROM job_events WHERE job = ?1))";

}  // namespace

CliResult<std::unique_ptr<DatabaseRows>> DatabaseRows::Open(const std::string& path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  if (type == std::filesystem::file_type::none) {
    return Fail(ExitCode::kBadFile, path + ": " + error.message());
  }
  if (type != std::filesystem::file_type::regular) {
    return Fail(ExitCode::kBadFile, path + ": no such database");
  }
  try {
    return std::unique_ptr<DatabaseRows>(new DatabaseRows(path));
  } catch (const SQLite::Exception& problem) {
    const std::string real = std::filesystem::canonical(path, error).string();
    const Status opens = CheckDatabaseFiles(RealFileSystem(), error ? path : real, false);
    if (!opens) return Fail(ExitCode::kBadFile, opens.error().message);
    return Fail(ExitCode::kBadFile, path + ": no database of a journal: " + problem.what());
  }
}

DatabaseRows::DatabaseRows(const std::string& path)
    : database_(path, SQLite::OPEN_READONLY, kBusyMillis),
      is_listed_(database_.tableExists("job_events")),
      body_of_(database_, "SELECT body FROM events WHERE seq = ?"),
      last_of_(database_, std::string("SELECT job_seq, seq, body FROM events WHERE seq = ") +
                              (is_listed_ ? kLastListedOrInTail : kLastOfJob)) {
  if (database_.tableExists("file_events")) {
    digest_of_.emplace(database_, "SELECT digest FROM file_events WHERE seq = ?");
  }
}

std::optional<int64_t> DatabaseRows::DigestOfDropped(int64_t seq) {
  if (!digest_of_) return std::nullopt;
  digest_of_->reset();
  digest_of_->bind(1, seq);
  std::optional<int64_t> digest;
  if (digest_of_->executeStep()) digest = digest_of_->getColumn(0).getInt64();
  digest_of_->reset();
  return digest;
}

std::optional<std::string> DatabaseRows::BodyOf(int64_t seq) {
  body_of_.reset();
  body_of_.bind(1, seq);
  std::optional<std::string> body;
  if (body_of_.executeStep()) body = body_of_.getColumn(0).getString();
  body_of_.reset();
  return body;
}

DatabaseRows::Last DatabaseRows::LastOf(const std::string& job_id) {
  last_of_.reset();
  last_of_.bind(1,
                FindJobPlace(database_, job_id, is_listed_ ? Tail::kRead : Tail::kSkip).first_seq);
  Last last;
  if (last_of_.executeStep()) {
    last = {last_of_.getColumn(0).getInt64(), last_of_.getColumn(1).getInt64(),
            last_of_.getColumn(2).getString()};
  }
  last_of_.reset();
  return last;
}

std::vector<std::string> DatabaseRows::JobIds() {
  std::vector<std::string> ids;
  SQLite::Statement query(database_, "SELECT job_id FROM jobs ORDER BY job_id");
  while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
  if (!is_listed_) return ids;
  for (std::string& job_id : NewJobIds(database_)) ids.push_back(std::move(job_id));
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace stagelog::cli
