// Where should the tables stand that follow the log? The same work in three ways, on bare SQLite.
//
//   table_placement --folder /tmp --how commit|slices|second-file --seconds 5
//
// Commits of --events events (25) over --jobs jobs (50) with synchronous=FULL, one after the other.
// Each event is listed by job, and changes the row of its job:
//   commit       in the commit itself
//   slices       in the same database, every 10 ms, between two commits
//   second-file  in a database of its own, every 10 ms, on a thread of its own
// Prints the commits' latency, events a second, and how much processor time an event took.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "tools/bench/bench_support.h"

namespace stagelog {
namespace {

constexpr int64_t kSliceNanos = 10'000'000;

std::string Body(int64_t number) {
  return R"({"seq":)" + std::to_string(number) + R"(,"job_id":"append-load-0","job_seq":)" +
         std::to_string(number) + R"(,"type":"log","level":"info","message":")" +
         std::string(150, 'm') + R"(","actor":"admin","hash":")" + std::string(64, 'a') + "\"}";
}

SQLite::Database OpenDatabase(const std::string& path) {
  SQLite::Database database(path,
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX);
  database.exec("PRAGMA journal_mode=WAL; PRAGMA cache_size=-65536; PRAGMA synchronous=FULL");
  return database;
}

struct Change {
  int64_t job = 0;
  int64_t seq = 0;

  bool operator<(const Change& other) const {
    return std::tie(job, seq) < std::tie(other.job, other.seq);
  }
};

// The tables that follow.
class Tables {
 public:
  explicit Tables(SQLite::Database& database)
      : list_((Create(database), database), "INSERT INTO job_events VALUES (?, ?)"),
        touch_(database,
               "UPDATE jobs SET job_seq = job_seq + 1, last_seq = ?, updated_at = ?, "
               "last_hash = ? WHERE first_seq = ?") {}

  // The changes of several commits together: the row of a job is written once.
  void TakeAll(std::vector<Change> changes) {
    std::sort(changes.begin(), changes.end());
    for (size_t i = 0; i < changes.size(); ++i) {
      List(changes[i].job, changes[i].seq);
      const bool is_last = i + 1 == changes.size() || changes[i + 1].job != changes[i].job;
      if (is_last) Touch(changes[i].job, changes[i].seq);
    }
  }

 private:
  void List(int64_t job, int64_t seq) {
    list_.reset();
    list_.bind(1, job);
    list_.bind(2, seq);
    list_.exec();
  }

  void Touch(int64_t job, int64_t seq) {
    touch_.reset();
    touch_.bind(1, seq);
    touch_.bind(2, seq);
    touch_.bind(3, hash_);
    touch_.bind(4, job);
    touch_.exec();
  }

  static void Create(SQLite::Database& database) {
    database.exec(
        "CREATE TABLE job_events(job INTEGER, seq INTEGER, PRIMARY KEY(job, seq)) WITHOUT ROWID; "
        "CREATE TABLE jobs(first_seq INTEGER PRIMARY KEY, job_seq INTEGER, last_seq INTEGER, "
        "updated_at INTEGER, last_hash TEXT, rest TEXT)");
    SQLite::Statement insert(database, "INSERT INTO jobs VALUES (?, 0, 0, 0, '', ?)");
    for (int64_t job = 1; job <= 1'000; ++job) {
      insert.reset();
      insert.bind(1, job);
      insert.bind(2, std::string(100, 'r'));
      insert.exec();
    }
  }

  const std::string hash_ = std::string(64, 'a');
  SQLite::Statement list_;
  SQLite::Statement touch_;
};

// Writes changes to a file of its own, on a thread of its own.
class SecondFile {
 public:
  explicit SecondFile(const std::string& path)
      : database_(OpenDatabase(path)), tables_(database_), thread_([this] { Run(); }) {}

  ~SecondFile() {
    is_over_ = true;
    thread_.join();
  }

  void Take(const std::vector<Change>& changes) {
    const std::lock_guard lock(mutex_);
    waiting_.insert(waiting_.end(), changes.begin(), changes.end());
  }

 private:
  void Run() {
    while (!is_over_) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(kSliceNanos));
      std::vector<Change> changes;
      {
        const std::lock_guard lock(mutex_);
        changes.swap(waiting_);
      }
      database_.exec("BEGIN IMMEDIATE");
      tables_.TakeAll(std::move(changes));
      database_.exec("COMMIT");
    }
  }

  SQLite::Database database_;
  Tables tables_;
  std::mutex mutex_;
  std::vector<Change> waiting_;
  std::atomic<bool> is_over_ = false;
  std::thread thread_;
};

int64_t ProcessorMicros() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto micros = [](const timeval& time) { return time.tv_sec * 1'000'000 + time.tv_usec; };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

int Run(const Flags& flags) {
  const std::string& how = flags.Text("how");
  if (how != "commit" && how != "slices" && how != "second-file") {
    std::cerr << "--how is commit, slices or second-file\n";
    return 2;
  }
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  const std::string path = flags.Text("folder") + "/placement-" + std::to_string(::getpid());
  Latencies commits;
  Latencies slices;
  int64_t seq = 0;
  const int64_t start = MonotonicNanos();
  const int64_t end = start + flags.Number("seconds") * 1'000'000'000;
  const int64_t events = std::max<int64_t>(1, flags.Number("events"));
  const int64_t jobs = std::clamp<int64_t>(flags.Number("jobs"), 1, 1'000);
  {
    SQLite::Database log = OpenDatabase(path + ".db");
    log.exec(
        "CREATE TABLE events(seq INTEGER PRIMARY KEY, job INTEGER NOT NULL, job_seq INTEGER NOT "
        "NULL, ts INTEGER NOT NULL, event_id TEXT NOT NULL, body TEXT NOT NULL)");
    SQLite::Statement insert(log, "INSERT INTO events VALUES (?, ?, ?, ?, '', ?)");
    std::unique_ptr<Tables> tables;
    if (how != "second-file") tables = std::make_unique<Tables>(log);
    std::unique_ptr<SecondFile> second;
    if (how == "second-file") second = std::make_unique<SecondFile>(path + "-tables.db");
    std::vector<Change> waiting;
    int64_t next_slice = start + kSliceNanos;
    while (MonotonicNanos() < end) {
      const int64_t before = MonotonicNanos();
      std::vector<Change> changes;
      log.exec("BEGIN IMMEDIATE");
      for (int64_t i = 0; i < events; ++i) {
        const int64_t job = 1 + ++seq % jobs;
        insert.reset();
        insert.bind(1, seq);
        insert.bind(2, job);
        insert.bind(3, seq);
        insert.bind(4, seq);
        insert.bind(5, Body(seq));
        insert.exec();
        changes.push_back({job, seq});
      }
      if (how == "commit") tables->TakeAll(changes);
      log.exec("COMMIT");
      const int64_t after = MonotonicNanos();
      commits.Add(after - before);
      if (second) second->Take(changes);
      if (how != "slices") continue;
      waiting.insert(waiting.end(), changes.begin(), changes.end());
      if (after < next_slice) continue;
      log.exec("BEGIN IMMEDIATE");
      tables->TakeAll(waiting);
      log.exec("COMMIT");
      waiting.clear();
      next_slice = MonotonicNanos() + kSliceNanos;
      slices.Add(MonotonicNanos() - after);
    }
  }
  const double seconds = static_cast<double>(MonotonicNanos() - start) / 1e9;
  PrintRow("events/s", Fixed(static_cast<double>(seq) / seconds, 0));
  PrintRow("commit", commits.Summary());
  if (how == "slices") PrintRow("slice", slices.Summary());
  PrintRow(
      "processor",
      Fixed(static_cast<double>(ProcessorMicros()) / static_cast<double>(seq), 1) + " us/event");
  for (const char* file :
       {".db", ".db-wal", ".db-shm", "-tables.db", "-tables.db-wal", "-tables.db-shm"}) {
    ::unlink((path + file).c_str());
  }
  return 0;
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) {
  const stagelog::Flags flags(
      argument_count, arguments, "table_placement",
      {{"folder", "."}, {"how", "slices"}, {"events", "25"}, {"jobs", "50"}, {"seconds", "5"}});
  try {
    return stagelog::Run(flags);
  } catch (const SQLite::Exception& problem) {
    std::cerr << problem.what() << "\n";
    return 1;
  }
}
