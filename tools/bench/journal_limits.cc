// What the disk and SQLite give by themselves, to hold the daemon's figures against.
//
//   journal_limits --folder /tmp --what fdatasync --seconds 5 [--rate 20]
//   journal_limits --folder /tmp --what preallocated --seconds 5
//   journal_limits --folder /tmp --what sqlite --rows 1000 --seconds 5 [--ids 1]
//
// fdatasync: a line is appended to a file and synced, again and again or --rate times a second (a
// machine that idles between takes longer to wake). preallocated: the same into a file that was
// written before and does not grow. sqlite: rows of an event's size go into the table of events as
// the journal has it, with the journal's own settings of SQLite, synchronous=FULL, --rows of them a
// transaction; with --ids each has an id in the index of emitters' ids.
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

constexpr int64_t kPreallocatedBytes = int64_t{64} << 20;

Status WriteZeros(int file) {
  const std::string zeros(size_t{1} << 20, '\0');
  for (int64_t at = 0; at < kPreallocatedBytes; at += static_cast<int64_t>(zeros.size())) {
    if (::pwrite(file, zeros.data(), zeros.size(), at) != static_cast<ssize_t>(zeros.size())) {
      return Failure("write", errno);
    }
  }
  if (::fsync(file) != 0) return Failure("fsync", errno);
  return {};
}

int MeasureSync(const std::string& folder, bool grows, int64_t rate, int64_t seconds) {
  const std::string path = folder + "/limits-" + std::to_string(::getpid()) + ".jsonl";
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid() || (!grows && !WriteZeros(file.get()))) return Fail(path);
  Latencies latencies;
  const int64_t start = MonotonicNanos();
  const int64_t end_nanos = start + seconds * 1'000'000'000;
  int64_t count = 0;
  int64_t place = 0;
  for (; MonotonicNanos() < end_nanos; ++count) {
    const std::string line = Line(count + 1) + "\n";
    const auto size = static_cast<ssize_t>(line.size());
    if (!grows && place + size > kPreallocatedBytes) place = 0;
    const int64_t before = MonotonicNanos();
    const bool written = ::pwrite(file.get(), line.data(), line.size(), place) == size;
    if (!written || ::fdatasync(file.get()) != 0) return Fail(path);
    latencies.Add(MonotonicNanos() - before);
    place += size;
    if (rate > 0) ::usleep(static_cast<useconds_t>(1'000'000 / rate));
  }
  Report(count, start, latencies);
  ::unlink(path.c_str());
  return 0;
}

// A UUIDv7 as an emitter makes one after the other.
std::string IdOf(int64_t number) {
  std::string id = "01a1fe82-f064-7000-8000-000000000000";
  const std::string digits = std::to_string(number);
  return id.replace(id.size() - digits.size(), digits.size(), digits);
}

void InsertRows(SQLite::Statement& insert, int64_t& count, int64_t rows, bool with_ids) {
  for (int64_t i = 0; i < rows; ++i) {
    ++count;
    insert.bind(1, count);
    insert.bind(2, count);
    insert.bind(3, count);
    insert.bind(4, with_ids ? IdOf(count) : "");  // empty for an event_id that the journal made
    insert.bind(5, Line(count));
    insert.exec();
    insert.reset();
  }
}

int MeasureSqlite(const std::string& folder, int64_t rows, bool with_ids, int64_t seconds) {
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
        "CREATE UNIQUE INDEX events_by_id ON events(job, event_id) WHERE event_id <> ''");
    SQLite::Statement insert(database, "INSERT INTO events VALUES (?, 1, ?, ?, ?, ?)");
    const int64_t start = MonotonicNanos();
    int64_t count = 0;
    while (MonotonicNanos() < start + seconds * 1'000'000'000) {
      const int64_t before = MonotonicNanos();
      database.exec("BEGIN IMMEDIATE");
      InsertRows(insert, count, rows, with_ids);
      database.exec("COMMIT");
      latencies.Add(MonotonicNanos() - before);
    }
    Report(count, start, latencies);
  }
  for (const char* part : {"", "-wal", "-shm"}) ::unlink((path + part).c_str());
  return 0;
}

int Run(const Flags& flags) {
  const std::string& folder = flags.Text("folder");
  const int64_t seconds = flags.Number("seconds");
  const std::string& what = flags.Text("what");
  if (what == "fdatasync" || what == "preallocated") {
    return MeasureSync(folder, what == "fdatasync", flags.Number("rate"), seconds);
  }
  if (what == "sqlite") {
    const int64_t rows = std::max<int64_t>(1, flags.Number("rows"));
    return MeasureSqlite(folder, rows, flags.Number("ids") != 0, seconds);
  }
  std::cerr << "--what is fdatasync, preallocated or sqlite\n";
  return 2;
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) {
  const stagelog::Flags flags(argument_count, arguments, "journal_limits",
                              {{"folder", "."},
                               {"what", "fdatasync"},
                               {"rate", "0"},
                               {"rows", "1000"},
                               {"ids", "0"},
                               {"seconds", "5"}});
  try {
    return stagelog::Run(flags);
  } catch (const SQLite::Exception& problem) {
    std::cerr << problem.what() << "\n";
    return 1;
  }
}
