#include "log/table/event_reader.h"

#include <algorithm>
#include <cerrno>
#include <map>

#include "base/mutex.h"
#include "base/timestamp.h"
#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "core/json_text.h"
#include "log/table/event_table.h"
#include "log/table/sqlite_setup.h"

namespace stagelog {
namespace {

constexpr size_t kMaxIdleConnections = 4;
constexpr int64_t kRowsBetweenClockReadings = 64;

}  // namespace

// A connection with its prepared statements. One thread at a time.
class EventReader::Connection {
 public:
  Connection(const std::string& path, const std::string& vfs, FileSystem& files, int64_t generation)
      : database_(path, kReadWrite, kBusyMillis, vfs),
        lines_(files, ParentDirectory(path)),
        generation_(generation) {
    database_.exec("PRAGMA query_only=ON");
    database_.exec("PRAGMA cache_size=-8192");
  }

  int64_t generation() const { return generation_; }
  SQLite::Database& database() { return database_; }
  FileLines& lines() { return lines_; }

  SQLite::Statement& Prepared(const std::string& sql) {
    std::unique_ptr<SQLite::Statement>& statement = statements_[sql];
    if (statement == nullptr) {
      statement = std::make_unique<SQLite::Statement>(database_, sql);
    } else {
      statement->reset();
    }
    return *statement;
  }

  int64_t HeadSeq() {
    SQLite::Statement& query = Prepared(kSelectHeadSeq);
    query.executeStep();
    const int64_t head = query.getColumn(0).getInt64();
    query.reset();
    return head;
  }

  int64_t LastInFile(std::optional<int64_t> first_seq) {
    SQLite::Statement& query = Prepared(StoredEvents::LastInFileSql(first_seq.has_value()));
    if (first_seq) query.bind(1, *first_seq);
    query.executeStep();
    const int64_t last = query.getColumn(0).getInt64();
    query.reset();
    return last;
  }

  // first_seq is 0 for an unknown job.
  JobPlace FindJob(const std::string& job_id) {
    SQLite::Statement& query = Prepared(std::string("SELECT first_seq, job_seq, last_seq, ") +
                                        kIsTerminalSql + " FROM jobs WHERE job_id = ?");
    query.bind(1, job_id);
    JobPlace place;
    const bool is_listed = query.executeStep();
    if (is_listed) {
      place = {query.getColumn(0).getInt64(), query.getColumn(1).getInt64(),
               query.getColumn(2).getInt64(), query.getColumn(3).getInt() != 0};
    }
    query.reset();
    if (!is_listed && HasTail()) place.first_seq = FindNewJob(database_, job_id);
    return place;
  }

  // Whether the tables lack events.
  bool HasTail() {
    SQLite::Statement& query = Prepared(kSelectTablesThrough);
    query.executeStep();
    const int64_t through = query.getColumn(0).getInt64();
    query.reset();
    return through < HeadSeq();
  }

  // Whether the job is over by its last event.
  bool IsOver(const std::string& job_id, const JobPlace& place) {
    if (!HasTail() || !MayEndInTail(place)) return place.is_over;
    const std::optional<JobState> state =
        LoadJobState(database_, lines_, job_id, INT64_MAX, Tail::kRead);
    return state && state->IsTerminal();
  }

 private:
  // Only events of the job itself end it, or let it go on.
  bool MayEndInTail(const JobPlace& place) {
    SQLite::Statement& query = Prepared(SelectJobEvents(JobRange::kAfterJobSeq, false, Tail::kRead,
                                                        /*newest_first=*/true));
    query.bind(1, place.first_seq);
    query.bind(2, place.job_seq);
    bool may_end = false;
    while (!may_end && query.executeStep()) {
      const SQLite::Column body = query.getColumn(1);
      const std::string_view text(body.getText(), static_cast<size_t>(body.getBytes()));
      may_end = ViewEvent(text).type.starts_with("job_");
    }
    query.reset();
    return may_end;
  }

  SQLite::Database database_;
  FileLines lines_;
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
  const int64_t generation_;
};

namespace {

// ["a","b"]: a list as SQLite's json_each() takes it.
std::string JsonList(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    AppendJsonString(out, item);
  }
  return out + "]";
}

// [["team","film"],["env",null]]: conditions on labels; null is any value.
std::string JsonConditions(const std::vector<LabelCondition>& conditions) {
  std::string out = "[";
  for (const LabelCondition& condition : conditions) {
    out += out.size() > 1 ? ",[" : "[";
    AppendJsonString(out, condition.key);
    out += ',';
    if (condition.value) {
      AppendJsonString(out, *condition.value);
    } else {
      out += "null";
    }
    out += ']';
  }
  return out + "]";
}

// No condition of ?7 is without a label that meets it.
constexpr const char* kLabelsHold =
    "NOT EXISTS (SELECT 1 FROM json_each(?7) AS wanted WHERE NOT EXISTS "
    "(SELECT 1 FROM json_each(jobs.labels) AS own "
    "WHERE own.key = json_extract(wanted.value, '$[0]') AND "
    "own.value = coalesce(json_extract(wanted.value, '$[1]'), own.value)))";

// Walks rows of (seq, body) into a page until the page is full or the time is up.
class PageBuilder {
 public:
  PageBuilder(const ReadRequest& request, StoredEvents& stored, Clock& clock, Page& page)
      : request_(request),
        stored_(stored),
        clock_(clock),
        page_(page),
        deadline_micros_(clock.MonotonicMicros() + request.max_micros) {}

  // True when the rows were walked to their end.
  bool Walk(SQLite::Statement& rows) {
    while (rows.executeStep()) {
      const int64_t seq = rows.getColumn(0).getInt64();
      const std::optional<std::string_view> body = stored_.BodyOf(rows);
      const bool matches = body && request_.filter.Matches(*body);
      if (matches && IsFull(body->size())) return false;
      if (matches) page_.events.push_back({seq, std::string(*body)});
      if (matches) bytes_ += body->size();
      last_seq_ = seq;
      time_was_up_ = !request_.filter.empty() && TimeIsUp();
      if (time_was_up_) return false;
    }
    return true;
  }

  int64_t last_seq() const { return last_seq_; }
  bool time_was_up() const { return time_was_up_; }

 private:
  bool IsFull(size_t next_bytes) const {
    if (page_.events.size() >= request_.max_events) return true;
    return !page_.events.empty() && bytes_ + next_bytes > request_.max_bytes;
  }

  bool TimeIsUp() {
    if (++rows_ % kRowsBetweenClockReadings != 0) return false;
    if (request_.canceled && *request_.canceled) return true;
    return clock_.MonotonicMicros() > deadline_micros_;
  }

  const ReadRequest& request_;
  StoredEvents& stored_;
  Clock& clock_;
  Page& page_;
  const int64_t deadline_micros_;
  int64_t rows_ = 0;
  size_t bytes_ = 0;
  int64_t last_seq_ = 0;
  bool time_was_up_ = false;
};

}  // namespace

EventReader::EventReader(std::string path, std::string vfs, Clock& clock,
                         std::function<void()> on_corruption, FileSystem& files,
                         AwaitTables await_tables, OnLostLine on_lost_line)
    : path_(std::move(path)),
      vfs_(std::move(vfs)),
      clock_(clock),
      on_corruption_(std::move(on_corruption)),
      files_(files),
      await_tables_(std::move(await_tables)),
      on_lost_line_(std::move(on_lost_line)) {}

EventReader::~EventReader() = default;

std::unique_ptr<EventReader::Connection> EventReader::Borrow() {
  int64_t generation = 0;
  {
    const MutexLock lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    generation = generation_;
  }
  return std::make_unique<Connection>(path_, vfs_, files_, generation);
}

void EventReader::GiveBack(std::unique_ptr<Connection> connection) {
  const MutexLock lock(mutex_);
  if (connection->generation() == generation_ && idle_.size() < kMaxIdleConnections) {
    idle_.push_back(std::move(connection));
  }
}

Status EventReader::AwaitAll(bool must_be_current) {
  if (!await_tables_) return {};
  const JobTables::Wait wait = await_tables_(0, kWaitMicros);
  if (wait == JobTables::Wait::kCurrent) return {};
  if (wait == JobTables::Wait::kClosed && !must_be_current) return {};
  return Failure("the tables of jobs are behind the log; see /readyz, and try again later", EAGAIN);
}

void EventReader::AwaitMost() {
  if (await_tables_) await_tables_(kMaxTailEvents, kWaitMicros);
}

bool EventReader::MustWait() {
  return await_tables_ && await_tables_(0, 0) != JobTables::Wait::kCurrent;
}

void EventReader::Reopen() {
  const MutexLock lock(mutex_);
  ++generation_;
  idle_.clear();
}

template <typename T>
Result<T> EventReader::WithConnection(const std::function<T(Connection&)>& use) {
  const auto use_once = [&] {
    std::unique_ptr<Connection> connection = Borrow();
    SQLite::Transaction snapshot(connection->database());
    T result = use(*connection);
    snapshot.commit();
    connection->lines().Close();
    GiveBack(std::move(connection));
    return result;
  };
  try {
    try {
      return use_once();
    } catch (const MissingLineError&) {
      // The snapshot may be older than the file: its job was deleted, or the file was repaired.
      return use_once();
    }
  } catch (const MissingLineError& problem) {
    if (on_lost_line_) on_lost_line_(problem.job_id());
    return Failure(std::string("cannot read the journal: ") + problem.what());
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) on_corruption_();
    return Failure(std::string("cannot read the journal: ") + problem.what());
  }
}

Result<Page> EventReader::Read(const ReadRequest& request) {
  if (request.job_id) AwaitMost();
  return WithConnection<Page>([&](Connection& connection) {
    Page page;
    page.head_seq = connection.HeadSeq();
    page.scanned_through = std::max(page.head_seq, request.after);
    std::optional<int64_t> first_seq;
    if (request.job_id) {
      const JobPlace job = connection.FindJob(*request.job_id);
      page.job_known = job.first_seq != 0;
      if (!page.job_known) return page;
      page.job_over = connection.IsOver(*request.job_id, job);
      first_seq = job.first_seq;
    }
    StoredEvents stored(connection.database(), connection.lines());
    const bool with_files = connection.LastInFile(first_seq) > request.after;
    SQLite::Statement& rows = connection.Prepared(
        first_seq ? SelectJobEvents(JobRange::kSeqs, with_files, Tail::kRead, request.newest)
                  : StoredEvents::Select("seq > ?1", with_files, request.newest));
    if (first_seq) {
      rows.bind(1, *first_seq);
      rows.bind(2, request.after);
      rows.bind(3, page.head_seq);
    } else {
      rows.bind(1, request.after);
    }
    PageBuilder builder(request, stored, clock_, page);
    const bool complete = builder.Walk(rows);
    rows.reset();
    if (request.newest) {
      std::reverse(page.events.begin(), page.events.end());
      if (builder.time_was_up()) {
        // There may be matches between what was found and what was not looked at: nothing is said
        // to have been looked through, and whoever goes on begins at the beginning.
        page.events.clear();
        page.scanned_through = request.after;
        page.has_more = true;
      }
    } else if (!complete) {
      page.scanned_through = std::max(builder.last_seq(), request.after);
      page.has_more = true;
    }
    return page;
  });
}

Result<int64_t> EventReader::SeqAtTime(int64_t micros) {
  return WithConnection<int64_t>([&](Connection& connection) {
    SQLite::Statement& at_or_before = connection.Prepared(
        "SELECT * FROM (SELECT seq, ts FROM events WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1) "
        "UNION ALL SELECT * FROM "
        "(SELECT seq, ts FROM file_events WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1) "
        "ORDER BY 1 DESC LIMIT 1");
    const int64_t seq = LastSeqThrough(at_or_before, connection.HeadSeq(), micros);
    at_or_before.reset();
    return seq;
  });
}

Result<int64_t> EventReader::MostEventsOf(const std::string& job_id) {
  return WithConnection<int64_t>([&](Connection& connection) {
    SQLite::Statement& query = connection.Prepared(
        std::string("SELECT coalesce((SELECT job_seq FROM jobs WHERE job_id = ?), 0), (") +
        kSelectTablesThrough + ")");
    query.bind(1, job_id);
    query.executeStep();
    const int64_t listed = query.getColumn(0).getInt64();
    const int64_t through = query.getColumn(1).getInt64();
    query.reset();
    return listed + connection.HeadSeq() - through;
  });
}

Result<std::optional<JobState>> EventReader::FindJob(const std::string& job_id,
                                                     int64_t through_seq) {
  AwaitMost();
  return WithConnection<std::optional<JobState>>([&](Connection& connection) {
    return LoadJobState(connection.database(), connection.lines(), job_id, through_seq,
                        Tail::kRead);
  });
}

Status EventReader::AdvanceJob(JobState& state, StateChanges* changes, int64_t through_seq) {
  AwaitMost();
  const auto done = WithConnection<bool>([&](Connection& connection) {
    AdvanceJobState(connection.database(), connection.lines(), state, through_seq, Tail::kRead,
                    changes);
    return true;
  });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<std::vector<std::string>> EventReader::JobsChangedAfter(int64_t seq) {
  if (Status current = AwaitAll(); !current) return tl::unexpected(current.error());
  return WithConnection<std::vector<std::string>>([&](Connection& connection) {
    SQLite::Statement& query =
        connection.Prepared("SELECT job_id FROM jobs WHERE last_seq > ? ORDER BY first_seq");
    query.bind(1, seq);
    std::vector<std::string> ids;
    while (query.executeStep()) ids.push_back(query.getColumn(0).getString());
    query.reset();
    return ids;
  });
}

// Both read nothing but an index: that of jobs by their status, and the part of that of gates where
// they are pending.
Result<JobCensus> EventReader::CountJobs() {
  static_cast<void>(AwaitAll());  // figures of some moments ago are better than none
  return WithConnection<JobCensus>([&](Connection& connection) {
    JobCensus census;
    SQLite::Statement& jobs =
        connection.Prepared("SELECT status, count(*) FROM jobs GROUP BY status");
    while (jobs.executeStep()) {
      census.jobs.emplace_back(jobs.getColumn(0).getString(), jobs.getColumn(1).getInt64());
    }
    jobs.reset();
    SQLite::Statement& gates = connection.Prepared(
        "SELECT count(*), coalesce(min(opened_seq), 0) FROM gates WHERE status = 'pending'");
    gates.executeStep();
    census.pending_gates = gates.getColumn(0).getInt64();
    const int64_t oldest_seq = gates.getColumn(1).getInt64();
    gates.reset();
    SQLite::Statement& oldest = connection.Prepared(
        "SELECT json_extract(document, '$.opened_at') FROM gates WHERE opened_seq = ?");
    oldest.bind(1, oldest_seq);
    if (oldest.executeStep()) {
      census.oldest_pending_micros = ParseTimestamp(oldest.getColumn(0).getString()).value_or(0);
    }
    oldest.reset();
    return census;
  });
}

namespace {

std::vector<GateListing> TakeGates(SQLite::Statement& query) {
  std::vector<GateListing> gates;
  while (query.executeStep()) {
    gates.push_back({query.getColumn(0).getString(), query.getColumn(1).getString(),
                     query.getColumn(2).getInt64(), query.getColumn(3).getInt64(),
                     query.getColumn(4).getString(), query.getColumn(5).getString()});
  }
  query.reset();
  return gates;
}

constexpr const char* kSelectGates =
    "SELECT job_id, gate, opened_seq, coalesce(expires_at, 0), on_timeout, document "
    "FROM gates JOIN jobs ON jobs.first_seq = gates.job WHERE ";

}  // namespace

Result<std::vector<GateListing>> EventReader::ListGates(const GateListRequest& request) {
  using Rows = GateListRequest::Rows;
  if (request.rows != Rows::kAsTheyAre) {
    const Status current = AwaitAll(request.rows == Rows::kCurrent);
    if (!current) return tl::unexpected(current.error());
  }
  return WithConnection<std::vector<GateListing>>([&](Connection& connection) {
    std::string sql = std::string(kSelectGates) + "opened_seq > ?1";
    if (!request.statuses.empty()) {
      sql += " AND gates.status IN (SELECT value FROM json_each(?3))";
    }
    SQLite::Statement& query = connection.Prepared(sql + " ORDER BY opened_seq LIMIT ?2");
    query.bind(1, request.after_opened_seq);
    query.bind(2, static_cast<int64_t>(request.limit));
    if (!request.statuses.empty()) query.bind(3, JsonList(request.statuses));
    return TakeGates(query);
  });
}

Result<std::vector<JobListing>> EventReader::ListJobs(const JobListRequest& request) {
  if (Status current = AwaitAll(); !current) return tl::unexpected(current.error());
  return WithConnection<std::vector<JobListing>>([&](Connection& connection) {
    std::string sql = std::string("SELECT ") + kJobColumns + " FROM jobs WHERE first_seq < ?1";
    if (!request.statuses.empty()) sql += " AND status IN (SELECT value FROM json_each(?3))";
    if (!request.pipelines.empty()) sql += " AND pipeline IN (SELECT value FROM json_each(?4))";
    if (request.updated_after_micros > 0) sql += " AND updated_at > ?5";
    if (!request.labels.empty()) sql += std::string(" AND ") + kLabelsHold;
    if (!request.text.empty()) {
      sql +=
          " AND (instr(lower(job_id), lower(?6)) OR instr(lower(pipeline), lower(?6)) OR "
          "instr(lower(reason), lower(?6)))";
    }
    sql += " ORDER BY first_seq DESC LIMIT ?2";
    SQLite::Statement& query = connection.Prepared(sql);
    query.bind(1, request.before_first_seq);
    query.bind(2, static_cast<int64_t>(request.limit));
    if (!request.statuses.empty()) query.bind(3, JsonList(request.statuses));
    if (!request.pipelines.empty()) query.bind(4, JsonList(request.pipelines));
    if (request.updated_after_micros > 0) query.bind(5, request.updated_after_micros);
    if (!request.text.empty()) query.bind(6, request.text);
    if (!request.labels.empty()) query.bind(7, JsonConditions(request.labels));
    std::vector<JobListing> jobs;
    while (query.executeStep()) {
      const JobState job = ListedJob(query);
      const SQLite::Column done = query.getColumn(18);
      const auto share = done.isNull() ? std::nullopt : std::make_optional(done.getInt64());
      jobs.push_back({job.first_seq, job.job_id, EncodeJobSummary(job, share, request.live_micros),
                      job.IsTerminal()});
    }
    query.reset();
    return jobs;
  });
}

Result<std::vector<LabelCount>> EventReader::CountByLabel(const std::string& key,
                                                          size_t max_values) {
  if (Status current = AwaitAll(); !current) return tl::unexpected(current.error());
  return WithConnection<std::vector<LabelCount>>([&](Connection& connection) {
    SQLite::Statement& query = connection.Prepared(
        "WITH labeled AS (SELECT own.value AS value, status FROM jobs, json_each(jobs.labels) AS "
        "own WHERE jobs.labels IS NOT NULL AND own.key = ?1), "
        "most AS (SELECT value FROM labeled GROUP BY value ORDER BY count(*) DESC, value LIMIT ?2) "
        "SELECT value, status, count(*) FROM labeled WHERE value IN (SELECT value FROM most) "
        "GROUP BY value, status ORDER BY value, status");
    query.bind(1, key);
    query.bind(2, static_cast<int64_t>(max_values));
    std::vector<LabelCount> counts;
    while (query.executeStep()) {
      counts.push_back({query.getColumn(0).getString(), query.getColumn(1).getString(),
                        query.getColumn(2).getInt64()});
    }
    query.reset();
    return counts;
  });
}

}  // namespace stagelog
