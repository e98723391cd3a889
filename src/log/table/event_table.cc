#include "log/table/event_table.h"

#include <sqlite3.h>

#include <array>

#include "base/random.h"
#include "core/event_codec.h"
#include "log/table/gathered_wal.h"
#include "log/table/sqlite_setup.h"

namespace stagelog {
namespace {

// Migration i brings a database from version i to i + 1. One that was published is never changed.
constexpr std::array<const char*, 7> kMigrations = {R"sql(
CREATE TABLE journal(key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID;
CREATE TABLE jobs(
  first_seq INTEGER PRIMARY KEY,  -- seq of the job's first event: the job's number inside the database
  job_id TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,
  job_seq INTEGER NOT NULL,       -- of the last event, as are the next ones
  last_seq INTEGER NOT NULL,
  created_at INTEGER NOT NULL,    -- microseconds since 1970
  updated_at INTEGER NOT NULL,
  violations INTEGER NOT NULL,
  last_hash TEXT NOT NULL,
  file_job_seq INTEGER,           -- events.jsonl when it was last known to agree
  file_size INTEGER,
  file_mtime_ns INTEGER,
  file_inode INTEGER
);
CREATE TABLE events(
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs(first_seq),
  job_seq INTEGER NOT NULL,
  ts INTEGER NOT NULL,            -- microseconds since 1970
  event_id TEXT NOT NULL,
  body TEXT NOT NULL              -- the line of events.jsonl
);
CREATE INDEX events_by_job ON events(job);
CREATE UNIQUE INDEX events_by_id ON events(job, event_id);
CREATE VIEW event_list AS
  SELECT seq, job_id, events.job_seq, json_extract(body, '$.ts') AS ts,
         json_extract(body, '$.type') AS type, json_extract(body, '$.stage') AS stage,
         json_extract(body, '$.level') AS level, json_extract(body, '$.message') AS message
  FROM events JOIN jobs ON jobs.first_seq = events.job;
)sql",
                                                    R"sql(
ALTER TABLE jobs ADD COLUMN pipeline TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN strict INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN started_at INTEGER NOT NULL DEFAULT 0;    -- 0: not yet, as the next ones
ALTER TABLE jobs ADD COLUMN ended_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN paused_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN waited INTEGER NOT NULL DEFAULT 0;        -- microseconds
ALTER TABLE jobs ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;       -- microseconds
ALTER TABLE jobs ADD COLUMN done INTEGER;                             -- millionths; NULL: no stages
CREATE TABLE stages(
  job INTEGER NOT NULL REFERENCES jobs(first_seq),
  stage TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  status TEXT NOT NULL,
  started_at INTEGER NOT NULL,    -- microseconds since 1970
  ended_at INTEGER,
  percent REAL,
  PRIMARY KEY(job, stage, attempt)
) WITHOUT ROWID;
CREATE TABLE gates(
  opened_seq INTEGER PRIMARY KEY, -- seq of the gate_pause that opened this iteration
  job INTEGER NOT NULL REFERENCES jobs(first_seq),
  gate TEXT NOT NULL,
  iteration INTEGER NOT NULL,
  status TEXT NOT NULL,
  expires_at INTEGER,             -- microseconds since 1970; NULL: never
  on_timeout TEXT NOT NULL,       -- approve, reject, expire; empty: no timeout
  document TEXT NOT NULL          -- the gate as GET /gates lists it
);
CREATE INDEX gates_by_job ON gates(job);
CREATE INDEX gates_by_status ON gates(status);
CREATE INDEX gates_by_expiry ON gates(expires_at) WHERE status = 'pending' AND expires_at > 0;
CREATE INDEX jobs_by_status ON jobs(status);
CREATE TABLE snapshots(
  job INTEGER NOT NULL REFERENCES jobs(first_seq),
  seq INTEGER NOT NULL,           -- the state is that after this event
  state TEXT NOT NULL,
  PRIMARY KEY(job, seq)
) WITHOUT ROWID;
-- What is there already was not folded into these rows.
INSERT INTO journal SELECT 'state_version', iif(EXISTS(SELECT 1 FROM events), 0, 1);
)sql",
                                                    R"sql(
CREATE TABLE deleted_jobs(        -- as in stagelog.deleted.jsonl
  job_id TEXT PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  last_ts INTEGER NOT NULL,       -- microseconds since 1970
  events INTEGER NOT NULL,
  deleted_at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  pending INTEGER NOT NULL        -- 1: events or files may still be there
) WITHOUT ROWID;
CREATE INDEX deleted_jobs_by_last_seq ON deleted_jobs(last_seq);
CREATE INDEX deleted_jobs_pending ON deleted_jobs(job_id) WHERE pending = 1;
)sql",
                                                    R"sql(
CREATE TABLE file_events(         -- events whose line is in events.jsonl alone
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs(first_seq),
  job_seq INTEGER NOT NULL,
  ts INTEGER NOT NULL,            -- microseconds since 1970
  id_key INTEGER NOT NULL,        -- the first eight bytes of SHA-256 of event_id
  offset INTEGER NOT NULL,        -- of the line; -1: it was lost
  size INTEGER NOT NULL,          -- bytes of the line, without its newline
  digest INTEGER NOT NULL         -- the first eight bytes of SHA-256 of the line
);
CREATE INDEX file_events_by_job ON file_events(job);
CREATE INDEX file_events_by_id ON file_events(job, id_key);
)sql",
                                                    R"sql(
-- An event_id that the journal made itself tells the event's ts, by which it is found: such a one
-- is stored in the body alone.
DROP INDEX events_by_id;
CREATE UNIQUE INDEX events_by_id ON events(job, event_id) WHERE event_id <> '';
)sql",
                                                    R"sql(
-- The other times of jobs, stages and gates tell when things happened, too; updated_at is a ts.
ALTER TABLE jobs ADD COLUMN latest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN labels TEXT;                              -- JSON object; NULL: none
ALTER TABLE jobs ADD COLUMN implicit INTEGER NOT NULL DEFAULT 0;      -- 1: not begun by job_created
)sql",
                                                    R"sql(
-- The log by job. It and the tables of jobs, stages, gates and snapshots follow the log: they are
-- complete up to `tables_through`, and a job's part up to its last_seq.
CREATE TABLE job_events(
  job INTEGER NOT NULL REFERENCES jobs(first_seq),
  seq INTEGER NOT NULL,
  PRIMARY KEY(job, seq)
) WITHOUT ROWID;
INSERT INTO job_events SELECT job, seq FROM events INDEXED BY events_by_job ORDER BY job, seq;
DROP INDEX events_by_job;
INSERT INTO journal SELECT 'tables_through', coalesce(max(seq), 0) FROM events;
DROP VIEW event_list;
CREATE VIEW event_list AS
  SELECT seq, json_extract(body, '$.job_id') AS job_id, job_seq,
         json_extract(body, '$.ts') AS ts, json_extract(body, '$.type') AS type,
         json_extract(body, '$.stage') AS stage, json_extract(body, '$.level') AS level,
         json_extract(body, '$.message') AS message
  FROM events;
-- A deletion is a record of the log, with a seq of its own. One from before has that of the job's
-- last event.
ALTER TABLE deleted_jobs ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
UPDATE deleted_jobs SET seq = last_seq;
CREATE INDEX deleted_jobs_by_seq ON deleted_jobs(seq);
)sql"};

constexpr int kCheckpointBytes = 16 << 20;  // of the write-ahead log

}  // namespace

int SchemaVersion() { return static_cast<int>(kMigrations.size()); }

EventTable::EventTable(const std::string& path, const std::string& vfs, bool durable,
                       FileSystem& files, bool may_create)
    : database_(path, may_create ? kReadWrite | SQLITE_OPEN_CREATE : kReadWrite, kBusyMillis,
                GatheredWalVfs(vfs)),
      lines_(files, ParentDirectory(path)),
      stored_(database_, lines_) {
  // Of a new database. What a commit of one event writes and syncs is three pages; of several, more
  // of a larger page is filled (tools/bench/README.md).
  database_.exec("PRAGMA page_size=2048");
  database_.exec("PRAGMA journal_mode=WAL");
  // The last pages of the events and of each job's ids are written into the log again and again.
  // The more the log holds, the fewer times they are written into the database.
  const int page_size = database_.execAndGet("PRAGMA page_size").getInt();
  database_.exec("PRAGMA wal_autocheckpoint=" + std::to_string(kCheckpointBytes / page_size));
  database_.exec(durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF");
  database_.exec("PRAGMA cache_size=-65536");
  database_.exec("PRAGMA journal_size_limit=67108864");
  Migrate();
  LoadJobsInFiles();
}

void EventTable::Migrate() {
  const int version = database_.execAndGet("PRAGMA user_version").getInt();
  const int known = SchemaVersion();
  if (version > known) {
    throw SQLite::Exception("the database has schema version " + std::to_string(version) +
                            ", this program supports versions up to " + std::to_string(known));
  }
  for (int from = version; from < known; ++from) {
    SQLite::Transaction transaction(database_);
    database_.exec(kMigrations[static_cast<size_t>(from)]);
    database_.exec("PRAGMA user_version=" + std::to_string(from + 1));
    transaction.commit();
  }
  // Where there is no row yet none was written by another fold.
  const bool is_empty =
      database_.execAndGet("SELECT NOT EXISTS (SELECT 1 FROM jobs)").getInt() != 0;
  if (version < known && is_empty) SetNumber("state_version", kFoldVersion);
}

SQLite::Statement& EventTable::Prepared(std::unique_ptr<SQLite::Statement>& slot, const char* sql) {
  if (slot == nullptr) {
    slot = std::make_unique<SQLite::Statement>(database_, sql);
  } else {
    slot->tryReset();  // reset() would report what the last execution has reported
  }
  return *slot;
}

void EventTable::Begin() { Prepared(begin_, "BEGIN IMMEDIATE").exec(); }

void EventTable::Commit() { Prepared(commit_, "COMMIT").exec(); }

void EventTable::Rollback() noexcept {
  if (sqlite3_get_autocommit(database_.getHandle()) == 0) database_.tryExec("ROLLBACK");
}

int64_t EventTable::HeadSeq() { return database_.execAndGet(kSelectHeadSeq).getInt64(); }

int64_t EventTable::LastTsMicros() {
  return database_
      .execAndGet(
          "SELECT max(coalesce((SELECT ts FROM events ORDER BY seq DESC LIMIT 1), 0), "
          "coalesce((SELECT last_ts FROM deleted_jobs ORDER BY last_seq DESC LIMIT 1), 0))")
      .getInt64();
}

std::string EventTable::JournalId() {
  SQLite::Statement query(database_, "SELECT value FROM journal WHERE key = 'journal_id'");
  return query.executeStep() ? query.getColumn(0).getString() : "";
}

void EventTable::SetJournalId(const std::string& id) {
  SQLite::Statement statement(database_, "REPLACE INTO journal VALUES ('journal_id', ?)");
  statement.bind(1, id);
  statement.exec();
}

int64_t EventTable::Number(const std::string& key) {
  SQLite::Statement query(database_, "SELECT value FROM journal WHERE key = ?");
  query.bind(1, key);
  return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

void EventTable::SetNumber(const std::string& key, int64_t value) {
  SQLite::Statement statement(database_, "REPLACE INTO journal VALUES (?, ?)");
  statement.bind(1, key);
  statement.bind(2, value);
  statement.exec();
}

void EventTable::InsertEvent(int64_t seq, int64_t first_seq, int64_t job_seq, int64_t ts_micros,
                             const std::string& event_id, const std::string& body) {
  SQLite::Statement& insert =
      Prepared(insert_event_, "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)");
  static const std::string kImpliedByTs;
  const bool is_implied_by_ts = MicrosOfUuidV7(event_id) == ts_micros;
  insert.bind(1, seq);
  insert.bind(2, first_seq);
  insert.bind(3, job_seq);
  insert.bind(4, ts_micros);
  insert.bindNoCopy(5, is_implied_by_ts ? kImpliedByTs : event_id);
  insert.bindNoCopy(6, body);
  insert.exec();
}

bool EventTable::HasSeq(int64_t seq) {
  SQLite::Statement& query = Prepared(
      has_seq_,
      "SELECT 1 FROM events WHERE seq = ?1 UNION ALL SELECT 1 FROM file_events WHERE seq = ?1");
  query.bind(1, seq);
  const bool found = query.executeStep();
  query.reset();
  return found;
}

bool EventTable::WouldBeInOrder(int64_t seq, int64_t ts_micros) {
  SQLite::Statement& query =
      Prepared(in_order_,
               "SELECT coalesce((SELECT ts FROM events WHERE seq < ?1 ORDER BY seq DESC LIMIT 1) "
               "< ?2, 1) AND coalesce((SELECT ts FROM events WHERE seq > ?1 ORDER BY seq LIMIT 1) "
               "> ?2, 1) AND "
               "coalesce((SELECT ts FROM file_events WHERE seq < ?1 ORDER BY seq DESC LIMIT 1) "
               "< ?2, 1) AND "
               "coalesce((SELECT ts FROM file_events WHERE seq > ?1 ORDER BY seq LIMIT 1) "
               "> ?2, 1)");
  query.bind(1, seq);
  query.bind(2, ts_micros);
  const bool in_order = query.executeStep() && query.getColumn(0).getInt() != 0;
  query.reset();
  return in_order;
}

std::optional<FoundEvent> EventTable::FindEventById(int64_t first_seq, const std::string& event_id,
                                                    std::optional<int64_t> unused_ts) {
  SQLite::Statement& query =
      Prepared(find_by_id_,
               "SELECT seq, body FROM events WHERE job = ? AND event_id = ? AND event_id <> ''");
  query.bind(1, first_seq);
  query.bind(2, event_id);
  std::optional<FoundEvent> found;
  if (query.executeStep()) {
    found = FoundEvent{query.getColumn(0).getInt64(), query.getColumn(1).getString()};
  }
  query.reset();
  const bool is_of_unused_ts = unused_ts && MicrosOfUuidV7(event_id) == unused_ts;
  if (!found && !is_of_unused_ts) found = FindByGeneratedId(first_seq, event_id);
  return found ? found : FindInFile(first_seq, event_id);
}

// Of events in files only a digest of the id is known.
std::string EventTable::NewestUuid(const JobState& job) {
  constexpr const char* kBeyondDigits = "g";
  if (jobs_in_files_.contains(job.first_seq)) return kBeyondDigits;
  SQLite::Statement& query =
      Prepared(newest_uuid_,
               "SELECT event_id FROM events WHERE job = ? AND event_id <> '' AND event_id < 'g' "
               "ORDER BY event_id DESC LIMIT 1");
  query.bind(1, job.first_seq);
  std::string newest = UuidV7Bound(job.updated_at_micros);  // of those that the journal made
  if (query.executeStep()) newest = std::max(newest, query.getColumn(0).getString());
  query.reset();
  return newest;
}

int64_t LastSeqThrough(SQLite::Statement& at_or_before, int64_t head_seq, int64_t micros) {
  int64_t low = 0;  // everything up to here is not later than `micros`
  int64_t high = head_seq;
  while (low < high) {
    const int64_t middle = low + (high - low + 1) / 2;
    at_or_before.reset();
    at_or_before.bind(1, middle);
    const bool found = at_or_before.executeStep();
    const int64_t seq = found ? at_or_before.getColumn(0).getInt64() : 0;
    if (seq <= low || at_or_before.getColumn(1).getInt64() <= micros) {
      low = middle;  // where seq <= low, nothing lies between
    } else {
      high = seq - 1;
    }
  }
  return low;
}

// As LastSeqThrough(), for the time that a generated id implies.
std::optional<FoundEvent> EventTable::FindByGeneratedId(int64_t first_seq,
                                                        const std::string& event_id) {
  const std::optional<int64_t> ts_micros = MicrosOfUuidV7(event_id);
  if (!ts_micros) return std::nullopt;
  SQLite::Statement& query = Prepared(
      find_by_ts_, "SELECT seq, ts, job, body FROM events WHERE seq >= ? ORDER BY seq LIMIT 1");
  std::optional<FoundEvent> found;
  int64_t low = first_seq;
  int64_t high = HeadSeq();
  // The ends first: most ids that are not there are from before the job, or from just now.
  for (int probe = 0; !found && low <= high; ++probe) {
    const int64_t middle = probe == 0 ? low : probe == 1 ? high : low + (high - low) / 2;
    query.reset();
    query.bind(1, middle);
    const bool is_there = query.executeStep();
    if (!is_there || query.getColumn(1).getInt64() > *ts_micros) {
      high = middle - 1;
    } else if (query.getColumn(1).getInt64() < *ts_micros) {
      low = query.getColumn(0).getInt64() + 1;
    } else {
      const std::string body = query.getColumn(3).getString();
      const bool is_it =
          query.getColumn(2).getInt64() == first_seq && ViewEvent(body).event_id == event_id;
      if (is_it) found = FoundEvent{query.getColumn(0).getInt64(), body};
      break;
    }
  }
  query.reset();
  return found;
}

std::optional<JobRow> EventTable::FindJob(const std::string& job_id) {
  SQLite::Statement& query =
      Prepared(find_job_,
               "SELECT first_seq, status, job_seq, last_seq, last_hash, file_job_seq, file_size, "
               "file_mtime_ns, file_inode FROM jobs WHERE job_id = ?");
  query.bind(1, job_id);
  if (!query.executeStep()) {
    query.reset();
    return std::nullopt;
  }
  JobRow row;
  row.job_id = job_id;
  row.first_seq = query.getColumn(0).getInt64();
  row.status = ParseJobStatus(query.getColumn(1).getString()).value_or(JobStatus::kCreated);
  row.job_seq = query.getColumn(2).getInt64();
  row.last_seq = query.getColumn(3).getInt64();
  row.last_hash = query.getColumn(4).getString();
  if (!query.isColumnNull(5)) {
    FileStamp note;
    note.job_seq = query.getColumn(5).getInt64();
    note.info.size = static_cast<uint64_t>(query.getColumn(6).getInt64());
    note.info.mtime_ns = query.getColumn(7).getInt64();
    note.info.inode = static_cast<uint64_t>(query.getColumn(8).getInt64());
    note.info.is_regular = true;
    row.file = note;
  }
  query.reset();
  return row;
}

std::vector<std::string> EventTable::AllJobIds() {
  std::vector<std::string> ids;
  SQLite::Statement query(database_, "SELECT job_id FROM jobs ORDER BY first_seq");
  while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
  return ids;
}

void EventTable::WriteFileStamp(int64_t first_seq, const FileStamp& note) {
  SQLite::Statement& write =
      Prepared(write_stamp_,
               "UPDATE jobs SET file_job_seq = ?, file_size = ?, file_mtime_ns = ?, "
               "file_inode = ? WHERE first_seq = ?");
  write.bind(1, note.job_seq);
  write.bind(2, static_cast<int64_t>(note.info.size));
  write.bind(3, note.info.mtime_ns);
  write.bind(4, static_cast<int64_t>(note.info.inode));
  write.bind(5, first_seq);
  write.exec();
}

void EventTable::VisitJobEvents(int64_t first_seq, int64_t after_job_seq, const Visit& visit) {
  const bool with_files = FileJobSeq(first_seq) > after_job_seq;
  SQLite::Statement query(database_, SelectJobEvents(JobRange::kAfterJobSeq, with_files, tail_,
                                                     /*newest_first=*/false));
  query.bind(1, first_seq);
  query.bind(2, after_job_seq);
  while (query.executeStep()) {
    const std::optional<std::string_view> body = stored_.BodyOf(query);
    if (body && !visit(query.getColumn(0).getInt64(), *body)) break;
  }
  lines_.Close();
}

void EventTable::VisitEvents(int64_t after_seq, const Visit& visit) {
  SQLite::Statement query(database_, "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq");
  query.bind(1, after_seq);
  while (query.executeStep()) {
    const SQLite::Column body = query.getColumn(1);
    const std::string_view text(body.getText(), static_cast<size_t>(body.getBytes()));
    if (!visit(query.getColumn(0).getInt64(), text)) return;
  }
}

bool EventTable::TryCheckpoint() {
  try {
    // Gives (busy, frames in the log, frames moved).
    SQLite::Statement checkpoint(database_, "PRAGMA wal_checkpoint(PASSIVE)");
    if (!checkpoint.executeStep() || checkpoint.getColumn(0).getInt() != 0) return false;
    return checkpoint.getColumn(1).getInt64() == checkpoint.getColumn(2).getInt64();
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) throw;
    return false;
  }
}

void EventTable::Checkpoint() { database_.exec("PRAGMA wal_checkpoint(TRUNCATE)"); }

bool IsCorruption(const SQLite::Exception& problem) {
  return problem.getErrorCode() == SQLITE_CORRUPT || problem.getErrorCode() == SQLITE_NOTADB;
}

}  // namespace stagelog
