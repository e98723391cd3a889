#include "log/table/job_events.h"

#include "core/event_codec.h"
#include "log/table/event_table.h"

namespace stagelog {
namespace {

// Where the tail of the job ?1 begins.
std::string TailOfJob() {
  return std::string("(SELECT max((") + kSelectTablesThrough +
         "), coalesce((SELECT last_seq FROM jobs WHERE first_seq = ?1), 0)))";
}

// Gives seq and body of their first events.
SQLite::Statement SelectNewJobs(SQLite::Database& database) {
  return SQLite::Statement(
      database, std::string("SELECT seq, body FROM events WHERE seq > (") + kSelectTablesThrough +
                    ") AND job_seq = 1 AND job NOT IN (SELECT first_seq FROM jobs)");
}

std::string_view JobIdOf(SQLite::Statement& row) {
  const SQLite::Column body = row.getColumn(1);
  return ViewEvent({body.getText(), static_cast<size_t>(body.getBytes())}).job_id;
}

}  // namespace

std::string SelectJobEvents(JobRange range, bool with_files, Tail tail, bool newest_first) {
  const bool by_seq = range == JobRange::kSeqs;
  // In this order: the index leads to the rows.
  std::string sql =
      "SELECT listed.seq, body, listed.job, 0, 0, 0 FROM job_events AS listed CROSS JOIN events "
      "WHERE listed.job = ?1 AND events.seq = listed.seq AND ";
  sql += by_seq ? "listed.seq > ?2 AND listed.seq <= ?3" : "job_seq > ?2";
  if (with_files) {
    sql +=
        " UNION ALL SELECT seq, NULL, job, offset, size, digest FROM file_events "
        "WHERE job = ?1 AND ";
    sql += by_seq ? "seq > ?2 AND seq <= ?3" : "job_seq > ?2";
  }
  if (tail == Tail::kRead) {
    sql += " UNION ALL SELECT seq, body, job, 0, 0, 0 FROM events WHERE job = ?1 AND ";
    sql += by_seq ? "seq > max(?2, " + TailOfJob() + ") AND seq <= ?3"
                  : "seq > " + TailOfJob() + " AND job_seq > ?2";
  }
  return sql + (newest_first ? " ORDER BY 1 DESC" : " ORDER BY 1");
}

JobPlace FindJobPlace(SQLite::Database& database, const std::string& job_id, Tail tail) {
  SQLite::Statement query(database, std::string("SELECT first_seq, job_seq, last_seq, ") +
                                        kIsTerminalSql + " FROM jobs WHERE job_id = ?");
  query.bind(1, job_id);
  JobPlace place;
  if (query.executeStep()) {
    place = {query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
             query.getColumn(2).getInt64(), query.getColumn(3).getInt() != 0};
  } else if (tail == Tail::kRead) {
    place.first_seq = FindNewJob(database, job_id);
  }
  return place;
}

LogTail ReadLogTail(SQLite::Database& database) {
  LogTail tail;
  SQLite::Statement query(database, std::string("SELECT job, seq FROM events WHERE seq > (") +
                                        kSelectTablesThrough + ") ORDER BY seq");
  while (query.executeStep()) {
    tail.seqs[query.getColumn(0).getInt64()].push_back(query.getColumn(1).getInt64());
  }
  SQLite::Statement begins = SelectNewJobs(database);
  while (begins.executeStep()) {
    tail.new_jobs.emplace(JobIdOf(begins), begins.getColumn(0).getInt64());
  }
  return tail;
}

int64_t FindNewJob(SQLite::Database& database, const std::string& job_id) {
  SQLite::Statement query = SelectNewJobs(database);
  while (query.executeStep()) {
    if (JobIdOf(query) == job_id) return query.getColumn(0).getInt64();
  }
  return 0;
}

std::vector<std::string> NewJobIds(SQLite::Database& database) {
  std::vector<std::string> job_ids;
  SQLite::Statement query = SelectNewJobs(database);
  while (query.executeStep()) job_ids.emplace_back(JobIdOf(query));
  return job_ids;
}

}  // namespace stagelog
