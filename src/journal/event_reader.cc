#include "journal/event_reader.h"

#include <algorithm>
#include <map>

#include "journal/event_table.h"

namespace stagelog {
namespace {

constexpr int kBusyMillis = 5000;
constexpr size_t kMaxIdleConnections = 4;
constexpr int64_t kRowsBetweenClockReadings = 64;

}  // namespace

// A connection with its prepared statements. One thread at a time.
class EventReader::Connection {
 public:
  Connection(const std::string& path, const std::string& vfs, int64_t generation)
      : database_(path, SQLite::OPEN_READWRITE, kBusyMillis, vfs), generation_(generation) {
    database_.exec("PRAGMA query_only=ON");
    database_.exec("PRAGMA cache_size=-8192");
  }

  int64_t generation() const { return generation_; }
  SQLite::Database& database() { return database_; }

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
    SQLite::Statement& query = Prepared("SELECT coalesce(max(seq), 0) FROM events");
    query.executeStep();
    const int64_t head = query.getColumn(0).getInt64();
    query.reset();
    return head;
  }

  std::optional<JobState> FindJob(const std::string& job_id) {
    SQLite::Statement& query =
        Prepared(std::string("SELECT ") + kJobColumns + " FROM jobs WHERE job_id = ?");
    query.bind(1, job_id);
    std::optional<JobState> state;
    if (query.executeStep()) state = JobStateOfRow(query);
    query.reset();
    return state;
  }

 private:
  SQLite::Database database_;
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
  const int64_t generation_;
};

namespace {

// Walks rows of (seq, body) into a page until the page is full or the time is up.
class PageBuilder {
 public:
  PageBuilder(const ReadRequest& request, Clock& clock, Page& page)
      : request_(request),
        clock_(clock),
        page_(page),
        deadline_micros_(clock.MonotonicMicros() + request.max_micros) {}

  // True when the rows were walked to their end.
  bool Walk(SQLite::Statement& rows) {
    while (rows.executeStep()) {
      const int64_t seq = rows.getColumn(0).getInt64();
      const SQLite::Column column = rows.getColumn(1);
      const std::string_view body(column.getText(), static_cast<size_t>(column.getBytes()));
      const bool matches = request_.filter.Matches(body);
      if (matches && IsFull(body.size())) return false;
      if (matches) page_.events.push_back({seq, std::string(body)});
      if (matches) bytes_ += body.size();
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
    return ++rows_ % kRowsBetweenClockReadings == 0 && clock_.MonotonicMicros() > deadline_micros_;
  }

  const ReadRequest& request_;
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
                         std::function<void()> on_corruption)
    : path_(std::move(path)),
      vfs_(std::move(vfs)),
      clock_(clock),
      on_corruption_(std::move(on_corruption)) {}

EventReader::~EventReader() = default;

std::unique_ptr<EventReader::Connection> EventReader::Borrow() {
  int64_t generation = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Connection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
    generation = generation_;
  }
  return std::make_unique<Connection>(path_, vfs_, generation);
}

void EventReader::GiveBack(std::unique_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  if (connection->generation() == generation_ && idle_.size() < kMaxIdleConnections) {
    idle_.push_back(std::move(connection));
  }
}

void EventReader::Reopen() {
  const std::lock_guard lock(mutex_);
  ++generation_;
  idle_.clear();
}

template <typename T>
Result<T> EventReader::WithConnection(const std::function<T(Connection&)>& use) {
  try {
    std::unique_ptr<Connection> connection = Borrow();
    SQLite::Transaction snapshot(connection->database());
    T result = use(*connection);
    snapshot.commit();
    GiveBack(std::move(connection));
    return result;
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) on_corruption_();
    return Failure(std::string("cannot read the journal: ") + problem.what());
  }
}

Result<Page> EventReader::Read(const ReadRequest& request) {
  return WithConnection<Page>([&](Connection& connection) {
    Page page;
    page.head_seq = connection.HeadSeq();
    page.scanned_through = std::max(page.head_seq, request.after);
    int64_t first_seq = 0;
    if (request.job_id) {
      const std::optional<JobState> job = connection.FindJob(*request.job_id);
      page.job_known = job.has_value();
      page.job_over = job && job->IsOver();
      if (!job) return page;
      first_seq = job->first_seq;
    }
    std::string sql = "SELECT seq, body FROM events WHERE seq > ?";
    if (request.job_id) sql += " AND job = ?";
    sql += request.newest ? " ORDER BY seq DESC" : " ORDER BY seq";
    SQLite::Statement& rows = connection.Prepared(sql);
    rows.bind(1, request.after);
    if (request.job_id) rows.bind(2, first_seq);
    PageBuilder builder(request, clock_, page);
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
    // `ts` grows with `seq` over the whole journal (promise 3): the primary key serves as its
    // index.
    SQLite::Statement& at_or_before =
        connection.Prepared("SELECT seq, ts FROM events WHERE seq <= ? ORDER BY seq DESC LIMIT 1");
    int64_t low = 0;  // everything up to here is not later than `micros`
    int64_t high = connection.HeadSeq();
    while (low < high) {
      const int64_t middle = low + (high - low + 1) / 2;
      at_or_before.reset();
      at_or_before.bind(1, middle);
      const bool found = at_or_before.executeStep();
      const int64_t seq = found ? at_or_before.getColumn(0).getInt64() : 0;
      if (!found || seq <= low) {
        low = middle;  // nothing lies between
      } else if (at_or_before.getColumn(1).getInt64() <= micros) {
        low = middle;
      } else {
        high = seq - 1;
      }
    }
    at_or_before.reset();
    return low;
  });
}

Result<std::optional<JobState>> EventReader::FindJob(const std::string& job_id) {
  return WithConnection<std::optional<JobState>>(
      [&](Connection& connection) { return connection.FindJob(job_id); });
}

Result<std::vector<JobState>> EventReader::ListJobs(int64_t before_first_seq, size_t limit) {
  return WithConnection<std::vector<JobState>>([&](Connection& connection) {
    SQLite::Statement& query =
        connection.Prepared(std::string("SELECT ") + kJobColumns +
                            " FROM jobs WHERE first_seq < ? ORDER BY first_seq DESC LIMIT ?");
    query.bind(1, before_first_seq);
    query.bind(2, static_cast<int64_t>(limit));
    std::vector<JobState> jobs;
    while (query.executeStep()) jobs.push_back(JobStateOfRow(query));
    query.reset();
    return jobs;
  });
}

}  // namespace stagelog
