// A real daemon, killed with -9 at random moments while it is written to and read from, again and
// again: under load, while it recovers, while it rebuilds a database that was deleted, and on files
// whose last line was torn. In the end nothing that was acknowledged may be missing, doubled or
// out of place, anywhere.
//
//   crash_test [--rounds N] [--seed S] [--seconds LONGEST_LOAD_OF_A_ROUND]
//
// Exits with 0 and one line of counts, or with 1, what is wrong, and where the runs folder was
// left.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <thread>

#include "core/event_codec.h"
#include "tests/crash/crash_subscriber.h"
#include "tests/crash/crash_writer.h"
#include "tests/crash/daemon_address.h"
#include "tests/support/daemon_process.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kWriters = 6;
constexpr milliseconds kStartTimeout(120'000);

struct CrashOptions {
  int rounds = 6;
  uint64_t seed = 0;  // 0: a random one
  double seconds = 0.5;
};

size_t HashOf(const std::string& body) { return std::hash<std::string>()(body); }

// How often each thing was done.
struct Counts {
  int kills_under_load = 0;
  int kills_in_recovery = 0;
  int kills_in_rebuild = 0;
  int databases_deleted = 0;
  int lines_torn = 0;
};

class CrashTest {
 public:
  explicit CrashTest(const CrashOptions& options);
  ~CrashTest();

  // True when every promise held.
  bool Run();

 private:
  DaemonOptions Daemon() const;
  uint64_t Pick(uint64_t below) { return random_() % below; }
  milliseconds PickTime(double longest_ms) {
    return milliseconds(Pick(static_cast<uint64_t>(longest_ms) + 1));
  }

  void StartThreads();
  void FinishThreads();
  void PlayRound(int round);
  void Disturb(int round);
  void DeleteDatabase();
  void TearLastLine();
  void AppendHalfLine();
  std::string NextLineOf(const std::string& job, size_t index);
  std::string PickJobFile();
  void KillWhileStarting();
  bool StartDaemon();
  void KillUnderLoad();
  void AppendLastEvents();
  void StopDaemon();

  void CheckEverything();
  void CheckSeqsAndFiles(const std::vector<StoredRow>& rows);
  void CheckAcknowledged(const std::vector<StoredRow>& rows);
  void CheckNameless(const std::vector<StoredRow>& rows);
  void CheckSubscriber(const CrashSubscriber& subscriber, const std::vector<StoredRow>& rows);
  void Report() const;

  CrashOptions options_;
  std::mt19937_64 random_;
  std::string folder_;
  std::string runs_dir_;
  const std::vector<std::string> jobs_ = {"render", "train.run-7", "etl", "release-1.2", "x"};
  DaemonAddress address_;
  Violations violations_;
  std::vector<std::unique_ptr<CrashWriter>> writers_;
  std::vector<std::unique_ptr<CrashSubscriber>> subscribers_;
  std::vector<std::thread> writer_threads_;
  std::vector<std::thread> subscriber_threads_;
  std::unique_ptr<DaemonProcess> daemon_;
  bool database_deleted_ = false;
  std::map<int64_t, size_t> lost_;  // events that went with a database: seq and hash of the body
  double last_start_ms_ = 30;
  double last_rebuild_ms_ = 30;
  Counts counts_;
  size_t events_ = 0;
};

CrashTest::CrashTest(const CrashOptions& options)
    : options_(options), random_(options.seed), folder_("/tmp/stagelog-crash-XXXXXX") {
  if (::mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  runs_dir_ = folder_ + "/runs";
  std::ofstream(folder_ + "/operator.yaml") << "server:\n  log_level: warning\n";
}

CrashTest::~CrashTest() {
  std::error_code ignored;
  if (!violations_.Any()) std::filesystem::remove_all(folder_, ignored);
}

DaemonOptions CrashTest::Daemon() const {
  return {.runs_dir = runs_dir_,
          .config_path = folder_ + "/operator.yaml",
          .stderr_path = folder_ + "/stderr",
          .host = "127.0.0.1",
          .port = 0};
}

bool CrashTest::Run() {
  StartThreads();
  for (int round = 0; round < options_.rounds && !violations_.Any(); ++round) PlayRound(round);
  if (StartDaemon()) FinishThreads();
  address_.GiveUp();
  StopDaemon();
  for (std::thread& thread : writer_threads_) {
    if (thread.joinable()) thread.join();
  }
  for (std::thread& thread : subscriber_threads_) {
    if (thread.joinable()) thread.join();
  }
  if (!violations_.Any()) CheckEverything();
  Report();
  return !violations_.Any();
}

void CrashTest::StartThreads() {
  for (int i = 0; i < kWriters; ++i) {
    writers_.push_back(
        std::make_unique<CrashWriter>(i, options_.seed, jobs_, address_, violations_));
  }
  for (const std::string& job : {std::string(), jobs_[0], jobs_[1], jobs_[2]}) {
    subscribers_.push_back(std::make_unique<CrashSubscriber>(job, jobs_, address_, violations_));
  }
  for (auto& writer : writers_) writer_threads_.emplace_back([&writer] { writer->Run(); });
  for (auto& each : subscribers_) subscriber_threads_.emplace_back([&each] { each->Run(); });
}

// With a daemon that stays: the writers end, then the subscribers see the last of everything.
void CrashTest::FinishThreads() {
  for (auto& writer : writers_) writer->Finish();
  for (std::thread& thread : writer_threads_) thread.join();
  AppendLastEvents();
  for (std::thread& thread : subscriber_threads_) {
    if (!violations_.Any()) thread.join();
  }
}

void CrashTest::AppendLastEvents() {
  for (const std::string& job : jobs_) {
    const HttpResponse response = HttpClient(daemon_->port())
                                      .Post("/api/v1/jobs/" + job + "/events",
                                            R"({"type":")" + std::string(kLastEventType) + "\"}");
    if (response.status != 201) violations_.Add("the last event was answered " + response.body);
  }
}

void CrashTest::PlayRound(int round) {
  Disturb(round);
  for (uint64_t kills = Pick(3); kills > 0 && !violations_.Any(); --kills) KillWhileStarting();
  if (StartDaemon()) KillUnderLoad();
}

// What may have happened to the folder since the last kill. Every kind comes up in six rounds.
void CrashTest::Disturb(int round) {
  if (round == 0) return;
  const uint64_t kind = round < 6 ? static_cast<uint64_t>(round) : Pick(6);
  if (kind == 1) TearLastLine();
  if (kind == 3 || kind == 5) AppendHalfLine();
  if (kind == 2 || kind == 5) DeleteDatabase();
}

// What was committed and then killed before it reached a file lives in the database alone: nobody
// was told of it, and it goes with the database. It is remembered, for a subscriber that read the
// database in just that moment may have seen it all the same.
void CrashTest::DeleteDatabase() {
  const auto rows = ReadDatabase(runs_dir_);
  if (!rows) return violations_.Add(rows.error().message);
  std::set<int64_t> in_files;
  for (const std::string& job : ListJobFolders(runs_dir_)) {
    for (const std::string& line : SplitLines(ReadAll(EventsFileOf(runs_dir_, job)))) {
      in_files.insert(ViewEvent(line).seq);
    }
  }
  for (const StoredRow& row : *rows) {
    if (in_files.count(row.seq) == 0) lost_.emplace(row.seq, HashOf(row.body));
  }
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(runs_dir_ + "/stagelog.db" + suffix);
  }
  database_deleted_ = true;
  ++counts_.databases_deleted;
}

std::string CrashTest::PickJobFile() {
  const std::vector<std::string> folders = ListJobFolders(runs_dir_);
  return folders.empty() ? "" : EventsFileOf(runs_dir_, folders[Pick(folders.size())]);
}

void CrashTest::TearLastLine() {
  const std::string path = PickJobFile();
  if (path.empty()) return;
  const std::string text = ReadAll(path);
  if (text.empty()) return;
  const size_t previous_end = text.rfind('\n', text.size() - 2);
  const size_t last_line = text.size() - (previous_end == std::string::npos ? 0 : previous_end + 1);
  std::filesystem::resize_file(path, text.size() - 1 - Pick(last_line));
  ++counts_.lines_torn;
}

// A write that the crash cut short: a prefix of the line that belongs there.
void CrashTest::AppendHalfLine() {
  const std::vector<std::string> folders = ListJobFolders(runs_dir_);
  if (folders.empty()) return;
  const std::string& job = folders[Pick(folders.size())];
  const std::string path = EventsFileOf(runs_dir_, job);
  const std::string text = ReadAll(path);
  if (!text.empty() && text.back() != '\n') return;
  const std::string line = NextLineOf(job, SplitLines(text).size());
  std::ofstream(path, std::ios::app) << line.substr(0, 1 + Pick(line.size() - 1));
  ++counts_.lines_torn;
}

// The job's line number `index` (from 0) as the database has it, or a likely one.
std::string CrashTest::NextLineOf(const std::string& job, size_t index) {
  const auto rows = ReadDatabase(runs_dir_);
  for (const StoredRow& row : rows.value_or(std::vector<StoredRow>())) {
    if (ViewEvent(row.body).job_id == job && index-- == 0) return row.body;
  }
  return R"({"seq":99999999,"job_id":")" + job + R"(","job_seq":77,"event_id":"half)";
}

void CrashTest::KillWhileStarting() {
  auto daemon = DaemonProcess::Spawn(Daemon());
  if (!daemon) return violations_.Add(daemon.error().message);
  const double usual_ms = database_deleted_ ? last_rebuild_ms_ : last_start_ms_;
  const std::optional<int> code = (*daemon)->WaitForExit(PickTime(1.2 * usual_ms));
  if (code) {
    return violations_.Add("the daemon ended by itself with " + std::to_string(*code) +
                           " while it started:\n" + (*daemon)->StderrText());
  }
  (*daemon)->Kill9();
  ++(database_deleted_ ? counts_.kills_in_rebuild : counts_.kills_in_recovery);
}

bool CrashTest::StartDaemon() {
  const auto start = steady_clock::now();
  auto daemon = DaemonProcess::Spawn(Daemon());
  if (!daemon) {
    violations_.Add(daemon.error().message);
    return false;
  }
  daemon_ = std::move(*daemon);
  const Status ready = daemon_->WaitUntilListening(kStartTimeout);
  if (!ready) {
    violations_.Add(ready.error().message);
    return false;
  }
  const std::chrono::duration<double, std::milli> took = steady_clock::now() - start;
  (database_deleted_ ? last_rebuild_ms_ : last_start_ms_) = took.count();
  database_deleted_ = false;
  address_.Publish(daemon_->port());
  return true;
}

void CrashTest::KillUnderLoad() {
  const std::optional<int> code =
      daemon_->WaitForExit(milliseconds(10) + PickTime(options_.seconds * 1e3));
  address_.Withdraw();
  if (code) {
    return violations_.Add("the daemon ended by itself with " + std::to_string(*code) + ":\n" +
                           daemon_->StderrText());
  }
  daemon_->Kill9();
  ++counts_.kills_under_load;
}

void CrashTest::StopDaemon() {
  if (daemon_ == nullptr) return;
  const std::optional<int> code = daemon_->Terminate(std::chrono::seconds(60));
  if (code != 0 && !violations_.Any()) {
    violations_.Add("SIGTERM ended the daemon with " + std::to_string(code.value_or(-1)));
  }
}

void CrashTest::CheckEverything() {
  for (std::string& complaint : FindDisagreements(runs_dir_)) violations_.Add(std::move(complaint));
  const auto rows = ReadDatabase(runs_dir_);
  if (!rows) return violations_.Add(rows.error().message);
  events_ = rows->size();
  CheckSeqsAndFiles(*rows);
  CheckAcknowledged(*rows);
  CheckNameless(*rows);
  for (const auto& subscriber : subscribers_) CheckSubscriber(*subscriber, *rows);
}

// A seq is not given again even where its event was lost, and what a crash leaves behind is never
// taken for the work of a hand.
void CrashTest::CheckSeqsAndFiles(const std::vector<StoredRow>& rows) {
  const auto given_twice = std::count_if(
      rows.begin(), rows.end(), [this](const StoredRow& row) { return lost_.count(row.seq) != 0; });
  if (given_twice > 0) violations_.Add(std::to_string(given_twice) + " seqs were given twice");
  for (const std::string& job : ListJobFolders(runs_dir_)) {
    for (const auto& entry : std::filesystem::directory_iterator(runs_dir_ + "/" + job)) {
      if (entry.path().filename().string().find("diverged") != std::string::npos) {
        violations_.Add("set aside without need: " + entry.path().string());
      }
    }
  }
}

// That nothing is there twice was checked with the rows: an event_id is unique in its job.
void CrashTest::CheckAcknowledged(const std::vector<StoredRow>& rows) {
  std::map<std::pair<std::string_view, std::string_view>, int64_t> seq_of_event;
  for (const StoredRow& row : rows) {
    const EventView event = ViewEvent(row.body);
    seq_of_event.emplace(std::pair(event.job_id, event.event_id), row.seq);
  }
  for (const auto& writer : writers_) {
    for (const AcknowledgedEvent& event : writer->acknowledged()) {
      const auto found = seq_of_event.find({event.job_id, event.event_id});
      const std::string name = "event " + event.event_id + " of job " + event.job_id;
      if (found == seq_of_event.end()) {
        violations_.Add(name + " was acknowledged and is gone");
      } else if (event.seq != 0 && event.seq != found->second) {
        violations_.Add(name + " was acknowledged with seq " + std::to_string(event.seq) +
                        " and has " + std::to_string(found->second));
      }
    }
  }
}

void CrashTest::CheckNameless(const std::vector<StoredRow>& rows) {
  std::map<std::string, int, std::less<>> count_of_message;
  for (const StoredRow& row : rows) {
    const EventView event = ViewEvent(row.body);
    if (event.message.starts_with("nameless ")) ++count_of_message[std::string(event.message)];
  }
  for (const auto& writer : writers_) {
    for (const std::string& message : writer->nameless_acknowledged()) {
      if (count_of_message[message] != 1) {
        violations_.Add("'" + message + "' was acknowledged once and is there " +
                        std::to_string(count_of_message[message]) + " times");
      }
    }
    for (const std::string& message : writer->nameless_unanswered()) {
      if (count_of_message[message] > 1) violations_.Add("'" + message + "' is there twice");
    }
  }
}

void CrashTest::CheckSubscriber(const CrashSubscriber& subscriber,
                                const std::vector<StoredRow>& rows) {
  std::vector<SeenEvent> expected;
  for (const StoredRow& row : rows) {
    if (subscriber.job_id().empty() || ViewEvent(row.body).job_id == subscriber.job_id()) {
      expected.push_back({.seq = row.seq, .body_hash = HashOf(row.body)});
    }
  }
  std::vector<SeenEvent> seen = subscriber.seen();
  std::erase_if(seen, [this](const SeenEvent& event) {
    const auto found = lost_.find(event.seq);
    return found != lost_.end() && found->second == event.body_hash;
  });
  if (seen == expected) return;
  const auto [ours, theirs] =
      std::mismatch(seen.begin(), seen.end(), expected.begin(), expected.end());
  violations_.Add(
      "the subscriber of '" + subscriber.job_id() + "' has seen " + std::to_string(seen.size()) +
      " events of " + std::to_string(expected.size()) + "; the first that differs is its seq " +
      (ours == seen.end() ? "(none)" : std::to_string(ours->seq)) + ", in the database seq " +
      (theirs == expected.end() ? "(none)" : std::to_string(theirs->seq)));
}

void CrashTest::Report() const {
  for (const std::string& text : violations_.Texts()) std::cerr << "VIOLATION: " << text << "\n";
  if (violations_.Any()) {
    std::cerr << "seed " << options_.seed << "; the runs folder and stderr are left in " << folder_
              << "\n";
  }
  size_t acknowledged = 0;
  int64_t retries = 0;
  int64_t duplicates = 0;
  int64_t connects = 0;
  for (const auto& writer : writers_) {
    acknowledged += writer->acknowledged().size() + writer->nameless_acknowledged().size();
    retries += writer->retries();
    duplicates += writer->duplicates();
  }
  for (const auto& subscriber : subscribers_) connects += subscriber->connects();
  std::cout << "crash_test: seed " << options_.seed << ", "
            << counts_.kills_under_load + counts_.kills_in_recovery + counts_.kills_in_rebuild
            << " kills (" << counts_.kills_under_load << " under load, "
            << counts_.kills_in_recovery << " in recovery, " << counts_.kills_in_rebuild
            << " in rebuild), " << counts_.databases_deleted << " databases deleted, "
            << counts_.lines_torn << " lines torn, " << lost_.size()
            << " unacknowledged events lost with a database, " << events_ << " events, "
            << acknowledged << " acknowledged, " << retries << " retries, " << duplicates
            << " duplicates, " << connects
            << " stream connects: " << (violations_.Any() ? "VIOLATIONS" : "every promise held")
            << std::endl;
}

template <typename T>
bool ParseNumber(const char* text, T& value) {
  const char* end = text + std::strlen(text);
  return std::from_chars(text, end, value).ptr == end;
}

bool ParseArguments(int count, char** arguments, CrashOptions& options) {
  for (int i = 1; i < count; i += 2) {
    const std::string name = arguments[i];
    if (i + 1 == count) return false;
    const char* value = arguments[i + 1];
    const bool known = (name == "--rounds" && ParseNumber(value, options.rounds)) ||
                       (name == "--seed" && ParseNumber(value, options.seed)) ||
                       (name == "--seconds" && ParseNumber(value, options.seconds));
    if (!known) return false;
  }
  return true;
}

}  // namespace
}  // namespace stagelog

int main(int argument_count, char** arguments) {
  stagelog::CrashOptions options;
  if (!stagelog::ParseArguments(argument_count, arguments, options)) {
    std::cerr << "usage: crash_test [--rounds N] [--seed S] [--seconds LONGEST_LOAD_OF_A_ROUND]\n";
    return 2;
  }
  if (options.seed == 0) options.seed = 1 + stagelog::TestSeed() % 1'000'000'000;
  std::cout << "crash_test: --seed " << options.seed << " --rounds " << options.rounds << std::endl;
  return stagelog::CrashTest(options).Run() ? 0 : 1;
}
