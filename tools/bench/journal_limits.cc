// What the disk and SQLite give by themselves, to hold the daemon's figures against.
//
//   journal_limits --folder /tmp --what fdatasync --seconds 5 [--rate 20]
//   journal_limits --folder /tmp --what sqlite --rows 1000 --seconds 5
//
// fdatasync: a line is appended to a file and synced, again and again or --rate times a second (a
// machine that idles between takes longer to wake). sqlite: rows of an event's
// size go into a table as the journal has it, with the journal's own settings of SQLite,
// synchronous=FULL, --rows of them a transaction.
#include <SQLiteCpp/SQLiteCpp.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "tools/bench/bench_support.h"

namespace stagelog {
namespace {

// An event as append_load sends it, in its stored form.
std::string Line(int64_t number) {
  return R"({"seq":)" + std::to_string(number) + R"(,"job_id":"append-load-0","job_seq":)" +
         std::to_string(number) +
         R"(,"event_id":"01a1fe82-f064-74fe-9a8d-dc8887ecb349","ts":"2026-11-21T14:29:16.516657Z",)"
         R"("occurred_at":"2026-11-21T14:29:16.516657Z","type":"stage_progress","stage":"encode",)"
         R"("status":"running","level":"info","message":"frame done","payload":{"current":4242,)"
         R"("total":9000},"actor":"admin","hash":")" +
         std::string(64, 'a') + "\"}";
}

int Fail(const std::string& what) {
  std::cerr << what << ": " << std::strerror(errno) << "\n";
  return 1;
}

void Report(int64_t count, int64_t start_nanos, const Latencies& latencies) {
  const double seconds = static_cast<double>(MonotonicNanos() - start_nanos) / 1e9;
  PrintRow("events", std::to_string(count));
  PrintRow("events/s", Fixed(static_cast<double>(count) / seconds, 0));
  PrintRow("latency", latencies.Summary());
}

int MeasureSync(const std::string& folder, int64_t rate, int64_t end_nanos) {
  const std::string path = folder + "/limits-" + std::to_string(::getpid()) + ".jsonl";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.valid()) return Fail(path);
  Latencies latencies;
  const int64_t start = MonotonicNanos();
  int64_t count = 0;
  for (; MonotonicNanos() < end_nanos; ++count) {
    const std::string line = Line(count + 1) + "\n";
    const int64_t before = MonotonicNanos();
    const bool written =
        ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
    if (!written || ::fdatasync(file.get()) != 0) return Fail(path);
    latencies.Add(MonotonicNanos() - before);
    if (rate > 0) ::usleep(static_cast<useconds_t>(1'000'000 / rate));
  }
  Report(count, start, latencies);
  ::unlink(path.c_str());
  return 0;
}

void InsertRows(SQLite::Statement& insert, int64_t& count, int64_t rows) {
  for (int64_t i = 0; i < rows; ++i) {
    ++count;
    insert.bind(1, count);
    insert.bind(2, count);
    insert.bind(3, count);
    insert.bind(4, "");  // as for an event_id that the journal made
    insert.bind(5, Line(count));
    insert.exec();
    insert.reset();
  }
}

int MeasureSqlite(const std::string& folder, int64_t rows, int64_t end_nanos) {
  const std::string path = folder + "/limits-" + std::to_string(::getpid()) + ".db";
  Latencies latencies;
  {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    SQLite::Database database(path,
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX);
    database.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-65536");
    database.exec(
        "CREATE TABLE events(seq INTEGER PRIMARY KEY, job INTEGER NOT NULL, job_seq INTEGER NOT "
        "NULL, ts INTEGER NOT NULL, event_id TEXT NOT NULL, body TEXT NOT NULL);"
        "CREATE INDEX events_by_job ON events(job);"
        "CREATE UNIQUE INDEX events_by_id ON events(job, event_id) WHERE event_id <> ''");
    SQLite::Statement insert(database, "INSERT INTO events VALUES (?, 1, ?, ?, ?, ?)");
    const int64_t start = MonotonicNanos();
    int64_t count = 0;
    while (MonotonicNanos() < end_nanos) {
      const int64_t before = MonotonicNanos();
      database.exec("BEGIN IMMEDIATE");
      InsertRows(insert, count, rows);
      database.exec("COMMIT");
      latencies.Add(MonotonicNanos() - before);
    }
    Report(count, start, latencies);
  }
  for (const char* part : {"", "-wal", "-shm"}) ::unlink((path + part).c_str());
  return 0;
}

int Run(const Flags& flags) {
  const int64_t end = MonotonicNanos() + flags.Number("seconds") * 1'000'000'000;
  const std::string& what = flags.Text("what");
  if (what == "fdatasync") return MeasureSync(flags.Text("folder"), flags.Number("rate"), end);
  if (what == "sqlite") {
    return MeasureSqlite(flags.Text("folder"), std::max<int64_t>(1, flags.Number("rows")), end);
  }
  std::cerr << "--what is fdatasync or sqlite\n";
  return 2;
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) {
  const stagelog::Flags flags(
      argument_count, arguments, "journal_limits",
      {{"folder", "."}, {"what", "fdatasync"}, {"rate", "0"}, {"rows", "1000"}, {"seconds", "5"}});
  try {
    return stagelog::Run(flags);
  } catch (const SQLite::Exception& problem) {
    std::cerr << problem.what() << "\n";
    return 1;
  }
}
