// The rows of EventTable that tell where lines are which are in events.jsonl alone.
#include "core/event_codec.h"
#include "log/table/event_table.h"

namespace stagelog {

// Walks from job to job, however many events they have.
void EventTable::LoadJobsInFiles() {
  SQLite::Statement query(database_,
                          "WITH RECURSIVE numbers(job) AS (SELECT min(job) FROM file_events "
                          "UNION ALL SELECT (SELECT min(job) FROM file_events WHERE job > "
                          "numbers.job) FROM numbers WHERE numbers.job IS NOT NULL) "
                          "SELECT job FROM numbers WHERE job IS NOT NULL");
  while (query.executeStep()) jobs_in_files_.insert(query.getColumn(0).getInt64());
}

int64_t EventTable::FileJobSeq(int64_t first_seq) {
  if (!jobs_in_files_.contains(first_seq)) return 0;
  SQLite::Statement query(
      database_, "SELECT job_seq FROM file_events WHERE job = ? ORDER BY seq DESC LIMIT 1");
  query.bind(1, first_seq);
  return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

uint64_t EventTable::EndOfFileEvents(int64_t first_seq) {
  SQLite::Statement query(database_,
                          "SELECT offset + size + 1 FROM file_events WHERE job = ? AND offset >= 0 "
                          "ORDER BY seq DESC LIMIT 1");
  query.bind(1, first_seq);
  return query.executeStep() ? static_cast<uint64_t>(query.getColumn(0).getInt64()) : 0;
}

// After a seq, which the index of the job's events is ordered by: after a job_seq, each page would
// walk over all that come before it.
std::vector<FileEvent> EventTable::FileEvents(int64_t first_seq, int64_t after_seq, size_t limit) {
  SQLite::Statement query(database_,
                          "SELECT seq, job_seq, offset, size, digest FROM file_events "
                          "WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?");
  query.bind(1, first_seq);
  query.bind(2, after_seq);
  query.bind(3, static_cast<int64_t>(limit));
  std::vector<FileEvent> events;
  while (query.executeStep()) {
    events.push_back({query.getColumn(0).getInt64(),
                      query.getColumn(1).getInt64(),
                      {query.getColumn(2).getInt64(), query.getColumn(3).getInt64(),
                       query.getColumn(4).getInt64()}});
  }
  return events;
}

void EventTable::MovePlace(int64_t seq, int64_t offset) {
  SQLite::Statement update(database_, "UPDATE file_events SET offset = ? WHERE seq = ?");
  update.bind(1, offset);
  update.bind(2, seq);
  update.exec();
}

std::vector<TrimmedEvent> EventTable::OldestEvents(int64_t first_seq, int64_t through_job_seq,
                                                   int limit) {
  SQLite::Statement query(database_,
                          "SELECT events.seq, job_seq, ts, event_id, body "
                          "FROM job_events AS listed CROSS JOIN events "
                          "WHERE listed.job = ? AND events.seq = listed.seq AND job_seq <= ? "
                          "ORDER BY listed.seq LIMIT ?");
  query.bind(1, first_seq);
  query.bind(2, through_job_seq);
  query.bind(3, limit);
  std::vector<TrimmedEvent> events;
  while (query.executeStep()) {
    events.push_back({.seq = query.getColumn(0).getInt64(),
                      .job_seq = query.getColumn(1).getInt64(),
                      .ts_micros = query.getColumn(2).getInt64(),
                      .event_id = query.getColumn(3).getString(),
                      .body = query.getColumn(4).getString()});
    TrimmedEvent& event = events.back();
    if (event.event_id.empty()) event.event_id = ViewEvent(event.body).event_id;
  }
  return events;
}

void EventTable::MoveToFile(int64_t first_seq, const TrimmedEvent& event) {
  SQLite::Statement& insert =
      Prepared(insert_place_, "INSERT INTO file_events VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, event.seq);
  insert.bind(2, first_seq);
  insert.bind(3, event.job_seq);
  insert.bind(4, event.ts_micros);
  insert.bind(5, DigestOf(event.event_id));
  insert.bind(6, event.place.offset);
  insert.bind(7, event.place.size);
  insert.bind(8, event.place.digest);
  insert.exec();
  jobs_in_files_.insert(first_seq);
  SQLite::Statement& remove = Prepared(remove_event_, "DELETE FROM events WHERE seq = ?");
  remove.bind(1, event.seq);
  remove.exec();
  SQLite::Statement& unlist =
      Prepared(unlist_event_, "DELETE FROM job_events WHERE job = ? AND seq = ?");
  unlist.bind(1, first_seq);
  unlist.bind(2, event.seq);
  unlist.exec();
}

std::vector<JobAge> EventTable::JobsAfter(int64_t first_seq, size_t limit) {
  SQLite::Statement query(database_, std::string("SELECT job_id, first_seq, job_seq, "
                                                 "max(updated_at, ended_at), ") +
                                         kIsTerminalSql +
                                         " FROM jobs "
                                         "WHERE first_seq > ? ORDER BY first_seq LIMIT ?");
  query.bind(1, first_seq);
  query.bind(2, static_cast<int64_t>(limit));
  std::vector<JobAge> jobs;
  while (query.executeStep()) {
    jobs.push_back({.job_id = query.getColumn(0).getString(),
                    .first_seq = query.getColumn(1).getInt64(),
                    .job_seq = query.getColumn(2).getInt64(),
                    .quiet_since_micros = query.getColumn(3).getInt64(),
                    .is_over = query.getColumn(4).getInt() != 0});
  }
  return jobs;
}

int64_t EventTable::LastSeqBefore(int64_t ts_micros) {
  SQLite::Statement at_or_before(
      database_, "SELECT seq, ts FROM events WHERE seq <= ? ORDER BY seq DESC LIMIT 1");
  return LastSeqThrough(at_or_before, HeadSeq(), ts_micros - 1);
}

int64_t EventTable::JobSeqAt(int64_t first_seq, int64_t seq) {
  SQLite::Statement query(database_,
                          "SELECT job_seq FROM events WHERE seq = "
                          "(SELECT max(seq) FROM job_events WHERE job = ? AND seq <= ?)");
  query.bind(1, first_seq);
  query.bind(2, seq);
  return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

void EventTable::ForgetFileStamp(int64_t first_seq) {
  SQLite::Statement update(database_, "UPDATE jobs SET file_job_seq = NULL WHERE first_seq = ?");
  update.bind(1, first_seq);
  update.exec();
}

// The key only leads to the line, which says whose it is.
std::optional<FoundEvent> EventTable::FindInFile(int64_t first_seq, const std::string& event_id) {
  if (!jobs_in_files_.contains(first_seq)) return std::nullopt;
  SQLite::Statement& query =
      Prepared(find_in_file_,
               "SELECT seq, NULL, job, offset, size, digest FROM file_events "
               "WHERE job = ? AND id_key = ?");
  query.bind(1, first_seq);
  query.bind(2, DigestOf(event_id));
  std::optional<FoundEvent> found;
  try {
    while (!found && query.executeStep()) {
      const std::optional<std::string_view> body = stored_.BodyOf(query);
      // Decoded, for an event_id may hold what JSON escapes.
      const Result<Event> event = DecodeStoredEvent(body.value_or(""));
      if (event && event->draft.event_id == event_id)
        found = FoundEvent{query.getColumn(0).getInt64(), std::string(*body)};
    }
  } catch (const MissingLineError&) {
    query.reset();
    ForgetFileStamp(first_seq);  // the next opening compares the file and says what is lost
    throw;
  }
  query.reset();
  lines_.Close();
  return found;
}

}  // namespace stagelog
