// The rows of EventTable that are left of deleted jobs, and how the others go.
#include "log/table/event_table.h"
#include "log/table/tombstone_rows.h"

namespace stagelog {

std::vector<Tombstone> ReadTombstoneRows(SQLite::Database& database, TombstoneRows which) {
  SQLite::Statement query(
      database,
      "SELECT seq, job_id, first_seq, last_seq, last_ts, events, deleted_at, actor, pending "
      "FROM deleted_jobs WHERE pending = 1 OR ?1 ORDER BY seq, last_seq");
  query.bind(1, which == TombstoneRows::kAll ? 1 : 0);
  std::vector<Tombstone> tombstones;
  while (query.executeStep()) {
    tombstones.push_back({.seq = query.getColumn(0).getInt64(),
                          .job_id = query.getColumn(1).getString(),
                          .first_seq = query.getColumn(2).getInt64(),
                          .last_seq = query.getColumn(3).getInt64(),
                          .last_ts_micros = query.getColumn(4).getInt64(),
                          .event_count = query.getColumn(5).getInt64(),
                          .deleted_at_micros = query.getColumn(6).getInt64(),
                          .actor = query.getColumn(7).getString(),
                          .is_pending = query.getColumn(8).getInt() != 0});
  }
  return tombstones;
}

bool EventTable::IsDeleted(const std::string& job_id) {
  SQLite::Statement& query = Prepared(is_deleted_, "SELECT 1 FROM deleted_jobs WHERE job_id = ?");
  query.bind(1, job_id);
  const bool found = query.executeStep();
  query.reset();
  return found;
}

void EventTable::InsertTombstone(const Tombstone& tombstone) {
  SQLite::Statement insert(database_,
                           "INSERT INTO deleted_jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, tombstone.job_id);
  insert.bind(2, tombstone.first_seq);
  insert.bind(3, tombstone.last_seq);
  insert.bind(4, tombstone.last_ts_micros);
  insert.bind(5, tombstone.event_count);
  insert.bind(6, tombstone.deleted_at_micros);
  insert.bind(7, tombstone.actor);
  insert.bind(8, tombstone.is_pending ? 1 : 0);
  insert.bind(9, tombstone.seq);
  insert.exec();
}

void EventTable::CompleteTombstone(const std::string& job_id) {
  SQLite::Statement update(database_, "UPDATE deleted_jobs SET pending = 0 WHERE job_id = ?");
  update.bind(1, job_id);
  update.exec();
}

void EventTable::SetTombstoneSeq(const std::string& job_id, int64_t seq) {
  SQLite::Statement update(database_, "UPDATE deleted_jobs SET seq = ? WHERE job_id = ?");
  update.bind(1, seq);
  update.bind(2, job_id);
  update.exec();
}

std::vector<Tombstone> EventTable::AllTombstones() {
  return ReadTombstoneRows(database_, TombstoneRows::kAll);
}

std::vector<Tombstone> EventTable::PendingTombstones() {
  return ReadTombstoneRows(database_, TombstoneRows::kPending);
}

void EventTable::DeleteJobRows(int64_t first_seq) {
  for (const char* sql :
       {"DELETE FROM stages WHERE job = ?", "DELETE FROM gates WHERE job = ?",
        "DELETE FROM snapshots WHERE job = ?", "DELETE FROM jobs WHERE first_seq = ?"}) {
    SQLite::Statement remove(database_, sql);
    remove.bind(1, first_seq);
    remove.exec();
  }
}

bool EventTable::DeleteEvents(int64_t first_seq, int limit) {
  constexpr const char* kListed =
      "(SELECT seq FROM job_events WHERE job = ?1 ORDER BY seq LIMIT ?2)";
  SQLite::Statement remove(database_, std::string("DELETE FROM events WHERE seq IN ") + kListed);
  remove.bind(1, first_seq);
  remove.bind(2, limit);
  remove.exec();
  SQLite::Statement unlist(
      database_, std::string("DELETE FROM job_events WHERE job = ?1 AND seq IN ") + kListed);
  unlist.bind(1, first_seq);
  unlist.bind(2, limit);
  if (unlist.exec() == limit) return true;
  SQLite::Statement remove_places(
      database_,
      "DELETE FROM file_events WHERE seq IN (SELECT seq FROM file_events WHERE job = ? LIMIT ?)");
  remove_places.bind(1, first_seq);
  remove_places.bind(2, limit);
  jobs_in_files_.erase(first_seq);
  return remove_places.exec() == limit;
}

}  // namespace stagelog
