#include "follow/state_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/logging.h"
#include "core/job_state_json.h"
#include "follow/follow_cursor.h"
#include "follow/follower_runner.h"
#include "tests/follow/follow_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMilli = 1'000;

// Time goes by when somebody looks at it: by `tick_micros` each time.
class TickingClock : public ManualClock {
 public:
  int64_t MonotonicMicros() override {
    AdvanceMicros(tick_micros);
    return ManualClock::MonotonicMicros();
  }

  int64_t tick_micros = 0;
};

class StateFilesTest : public testing::Test {
 protected:
  StateFilesTest() { SetLogLevel(LogLevel::kOff); }

  // As at the start of the daemon.
  void Open(bool rewrite_all = false) {
    auto task = std::make_unique<StateFiles>(files_, log_, log_, clock_, metrics_,
                                             directory_.path(), rewrite_all);
    task_ = task.get();
    state_files_ = std::make_unique<FollowerRunner>(std::move(task), log_, clock_);
    log_.SetListener(state_files_.get());
    Turn();
  }

  void Close() {
    log_.SetListener(nullptr);
    state_files_.reset();
  }

  // The machine loses its power; what was not synced is gone, or with a seed a part of it.
  void Crash(std::optional<uint64_t> seed = std::nullopt) {
    files_.PowerOff(seed);
    Close();
    files_.PowerOn();
  }

  void Turn() { EXPECT_TRUE(state_files_->RunOnce(/*may_wait=*/false)); }

  void Wait(int64_t micros) {
    clock_.AdvanceMicros(micros);
    Turn();
  }

  // Long enough for the cursor to come to rest.
  void WaitForCursor() {
    for (int i = 0; i < 4; ++i) Wait(10 * kSecond);
  }

  // An event of a job whose folder the journal has made.
  int64_t Commit(const std::string& job_id, const std::string& type, const std::string& gate = "",
                 const std::string& payload = "") {
    fs::create_directory(directory_.Path(job_id));
    return log_.Commit(job_id, type, gate, payload);
  }

  std::string Read(const std::string& name) const {
    std::ifstream in(directory_.Path(name), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }

  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.Path(name), std::ios::binary) << text;
  }

  bool Exists(const std::string& name) const {
    return fs::symlink_status(directory_.Path(name)).type() != fs::file_type::not_found;
  }

  int64_t Cursor() { return ReadFollowCursor(files_, directory_.path()).state_files_through; }

  uint64_t Failures() {
    return metrics_.GetCounter("stagelog_state_file_failures_total", "").Value();
  }

  size_t Writes(const std::string& name) const {
    return files_.OperationCount(Operation::kRename, name + ".tmp");
  }

  // The files say what the journal does.
  void ExpectCurrent(const std::string& job_id) {
    const JobState state = log_.StateOf(job_id);
    EXPECT_EQ(Read(job_id + "/state.json"), EncodeJobState(state) + "\n");
    for (const GateState& gate : state.gates) {
      const nlohmann::json document =
          nlohmann::json::parse(Read(job_id + "/gates/" + gate.name + ".json"), nullptr, false);
      EXPECT_EQ(document["gate"], gate.name);
      EXPECT_EQ(document["status"], StatusName(state.FindGate(gate.name)->status));
    }
  }

  TickingClock clock_;
  FakeLog log_{clock_};
  FaultFileSystem files_;
  TemporaryDirectory directory_;
  MetricsRegistry metrics_;
  std::unique_ptr<FollowerRunner> state_files_;
  StateFiles* task_ = nullptr;  // its task
};

TEST_F(StateFilesTest, WritesAJobWithinASecondOfItsEvent) {
  Open();
  Commit("a", "job_created");
  Wait(500 * kMilli);
  EXPECT_EQ(Read("a/state.json"), EncodeJobState(log_.StateOf("a")) + "\n");
  EXPECT_FALSE(Exists("a/gates"));
  EXPECT_FALSE(Exists("a/state.json.tmp"));
}

TEST_F(StateFilesTest, WritesTheGatesThatHaveChanged) {
  Open();
  Commit("a", "gate_pause", "one");
  Commit("a", "gate_pause", "two");
  Wait(kSecond);
  EXPECT_EQ(Read("a/gates/one.json"), EncodeGate(log_.StateOf("a"), "one") + "\n");
  files_.ResetCounts();
  Commit("a", "gate_approved", "two");
  Wait(kSecond);
  EXPECT_EQ(Read("a/gates/two.json"), EncodeGate(log_.StateOf("a"), "two") + "\n");
  EXPECT_EQ(Writes("one.json"), 0U);
  EXPECT_EQ(Writes("two.json"), 1U);
  ExpectCurrent("a");
}

TEST_F(StateFilesTest, GathersWhatComesCloseTogether) {
  Open();
  for (int i = 0; i < 1000; ++i) {
    Commit("busy", "log");
    Commit("other", "log");
    Wait(kMilli);
  }
  Wait(kSecond);
  EXPECT_LE(Writes("busy/state.json"), 5U);
  EXPECT_LE(Writes("other/state.json"), 5U);
  ExpectCurrent("busy");
  ExpectCurrent("other");
}

TEST_F(StateFilesTest, OnlyTheFirstOfThemIsAReasonToWake) {
  Open();
  const auto wakes = [this](int64_t seq) {
    auto batch = std::make_shared<CommittedBatch>();
    batch->events.push_back({seq, EventType::kLog, "a", "", false});
    return task_->Note(batch);
  };
  EXPECT_TRUE(wakes(1));
  EXPECT_FALSE(wakes(2));
  EXPECT_FALSE(task_->NoteDeletion("a", 3));
  Wait(kSecond);
  EXPECT_TRUE(wakes(4));
}

TEST_F(StateFilesTest, WritesNothingWhenNothingIsNew) {
  Open();
  Commit("a", "log");
  WaitForCursor();
  files_.ResetCounts();
  WaitForCursor();
  EXPECT_EQ(files_.OperationCount(), 0U);
}

TEST_F(StateFilesTest, AReaderSeesTheOldDocumentUntilTheNewOneIsWhole) {
  Open();
  Commit("a", "job_created");
  Wait(kSecond);
  const std::string before = Read("a/state.json");
  files_.Inject({.operation = Operation::kWrite, .path_contains = "state.json", .torn_bytes = 20});
  Commit("a", "job_started");
  Wait(500 * kMilli);
  EXPECT_EQ(Read("a/state.json"), before);
  EXPECT_FALSE(Exists("a/state.json.tmp"));
}

TEST_F(StateFilesTest, TriesAgainAfterAFailure) {
  for (const Operation operation : {Operation::kOpen, Operation::kWrite, Operation::kRename}) {
    Open();
    Commit("a", "job_resumed");
    const uint64_t failures = Failures();
    files_.Inject({.operation = operation, .error_number = ENOSPC, .until_healed = true});
    Wait(500 * kMilli);
    EXPECT_EQ(Failures(), failures + 1);
    Wait(500 * kMilli);
    EXPECT_EQ(Failures(), failures + 1) << "no tight loop";
    Wait(500 * kMilli);
    EXPECT_EQ(Failures(), failures + 2);
    files_.Heal();
    Wait(kSecond);
    ExpectCurrent("a");
    Close();
  }
}

TEST_F(StateFilesTest, ABusyJobThatFailsIsNotTriedMoreOften) {
  Open();
  fs::create_directories(directory_.Path("bad/state.json"));
  for (int i = 0; i < 50; ++i) {
    Commit("bad", "log");
    Wait(100 * kMilli);
  }
  EXPECT_LE(Failures(), 6U);
}

TEST_F(StateFilesTest, AGateThatCouldNotBeWrittenIsNotForgotten) {
  Open();
  files_.Inject({.operation = Operation::kWrite, .path_contains = "g.json"});
  Commit("a", "gate_pause", "g");
  Wait(500 * kMilli);
  EXPECT_FALSE(Exists("a/gates/g.json"));
  EXPECT_TRUE(Exists("a/state.json"));
  Commit("a", "log");
  Wait(kSecond);
  ExpectCurrent("a");
}

TEST_F(StateFilesTest, OneBadJobDoesNotStopTheOthers) {
  Open();
  fs::create_directories(directory_.Path("bad/state.json"));
  fs::create_directory(directory_.Path("worse"));
  Put("worse/gates", "in the way");
  Commit("bad", "job_started");
  Commit("worse", "gate_pause", "g");
  Commit("good", "gate_pause", "g");
  Wait(kSecond);
  ExpectCurrent("good");
  EXPECT_EQ(Read("worse/state.json"), EncodeJobState(log_.StateOf("worse")) + "\n");
  fs::remove(directory_.Path("bad/state.json"));
  fs::remove(directory_.Path("worse/gates"));
  Wait(kSecond);
  ExpectCurrent("bad");
  ExpectCurrent("worse");
}

TEST_F(StateFilesTest, DoesNotFollowLinksOutOfTheFolder) {
  Open();
  TemporaryDirectory elsewhere;
  fs::create_directory(directory_.Path("a"));
  fs::create_directory_symlink(elsewhere.path(), directory_.Path("a/gates"));
  fs::create_directory_symlink(elsewhere.path(), directory_.Path("b"));
  fs::create_symlink(elsewhere.Path("state"), directory_.Path("a/state.json"));
  fs::create_symlink(elsewhere.Path("temporary"), directory_.Path("a/state.json.tmp"));
  log_.Commit("a", "gate_pause", "g");
  log_.Commit("b", "gate_pause", "g");
  Wait(kSecond);
  EXPECT_TRUE(fs::is_empty(elsewhere.path()));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(directory_.Path("a/state.json"))));
}

TEST_F(StateFilesTest, AGateNamedByHandLeadsNowhere) {
  Open();
  Commit("a", "gate_pause", "../../escaped");
  Commit("a", "gate_pause", "g");
  Wait(kSecond);
  EXPECT_TRUE(Exists("a/gates/g.json"));
  EXPECT_FALSE(Exists("escaped.json"));
  EXPECT_EQ(Failures(), 0U);
}

TEST_F(StateFilesTest, ReplacesWhatACrashLeftBeside) {
  fs::create_directory(directory_.Path("a"));
  Put("a/state.json.tmp", "half a docu");
  Open();
  Commit("a", "log");
  Wait(kSecond);
  ExpectCurrent("a");
  EXPECT_FALSE(Exists("a/state.json.tmp"));
}

TEST_F(StateFilesTest, ShowsWhichJobCannotBeWrittenUntilItCan) {
  Open();
  fs::create_directories(directory_.Path("bad/state.json"));
  const int64_t seq = Commit("bad", "job_started");
  Commit("good", "job_started");
  Wait(500 * kMilli);
  ExpectCurrent("good");
  FollowerStatus status = state_files_->GetFollowerStatus();
  EXPECT_EQ(status.name, "state_files");
  EXPECT_THAT(status.problem, testing::StartsWith("bad: "));
  EXPECT_EQ(status.lag_events, log_.GetStatus().head_seq - seq + 1);
  fs::remove(directory_.Path("bad/state.json"));
  Wait(kSecond);
  status = state_files_->GetFollowerStatus();
  EXPECT_EQ(status.problem, "");
  EXPECT_EQ(status.lag_events, 0);
}

TEST_F(StateFilesTest, ADeletionIsNoLag) {
  Open();
  Commit("a", "job_started");
  Wait(kSecond);
  log_.Delete("a");
  EXPECT_EQ(state_files_->GetFollowerStatus().lag_events, 0);
  Commit("b", "job_started");
  log_.Delete("b");
  EXPECT_EQ(state_files_->GetFollowerStatus().lag_events, 2) << "it does not overtake an event";
  Wait(kSecond);
  EXPECT_EQ(state_files_->GetFollowerStatus().lag_events, 0);
  WaitForCursor();
  EXPECT_EQ(Cursor(), log_.GetStatus().head_seq);
}

TEST_F(StateFilesTest, ADeletionBeforeItHasCaughtUpIsNoProgress) {
  Commit("a", "job_started");
  Commit("b", "job_started");
  log_.FailReads(1);
  Open();
  log_.Delete("b");
  EXPECT_EQ(state_files_->GetFollowerStatus().lag_events, 3);
  EXPECT_EQ(state_files_->GetFollowerStatus().problem, "the disk is on fire");
  Wait(kSecond);
  EXPECT_EQ(state_files_->GetFollowerStatus().lag_events, 0);
  EXPECT_EQ(state_files_->GetFollowerStatus().problem, "");
}

TEST_F(StateFilesTest, ComesBackWhenReadingDoes) {
  Open();
  Commit("a", "job_started");
  log_.FailReads(2);
  Wait(500 * kMilli);
  EXPECT_FALSE(Exists("a/state.json"));
  Wait(kSecond);
  Wait(kSecond);
  ExpectCurrent("a");
}

TEST_F(StateFilesTest, WritesAtTheStartWhatTheLastRunMissed) {
  Commit("a", "gate_pause", "g");
  Commit("b", "job_completed");
  Open();
  ExpectCurrent("a");
  ExpectCurrent("b");
}

TEST_F(StateFilesTest, WritesAtTheStartOnlyWhatTheCursorDoesNotCover) {
  Open();
  Commit("old", "job_started");
  WaitForCursor();
  Close();
  Commit("new", "job_started");
  files_.ResetCounts();
  Open();
  EXPECT_EQ(Writes("old/state.json"), 0U);
  EXPECT_EQ(Writes("new/state.json"), 1U);
}

TEST_F(StateFilesTest, WritesEverythingWhenItIsTold) {
  Open();
  Commit("a", "job_started");
  Close();
  fs::remove(directory_.Path("a/state.json"));
  Open();
  EXPECT_FALSE(Exists("a/state.json"));
  Close();
  Open(/*rewrite_all=*/true);
  ExpectCurrent("a");
}

TEST_F(StateFilesTest, CatchesUpOnceTheJournalCanBeRead) {
  Commit("a", "job_started");
  log_.FailReads(1);
  Open();
  EXPECT_FALSE(Exists("a/state.json"));
  Commit("b", "job_started");
  Wait(kSecond);
  ExpectCurrent("a");
  ExpectCurrent("b");
}

TEST_F(StateFilesTest, ACursorThatMakesNoSenseIsTheBeginning) {
  Commit("a", "job_started");
  for (const char* text :
       {"", "{", "[]", "{\"version\":2}", "{\"state_files_through\":1}",
        "{\"state_files_through\":1,\"version\":1}", "{\"state_files_through\":1,\"version\":3}",
        "{\"state_files_through\":\"1\",\"version\":2}",
        "{\"state_files_through\":1000,\"version\":2}"}) {
    Put("stagelog.follow.json", text);
    fs::remove(directory_.Path("a/state.json"));
    Open();
    EXPECT_TRUE(Exists("a/state.json")) << text;
    files_.PowerOff();  // so that closing does not mend it
    Close();
    files_.PowerOn();
  }
}

TEST_F(StateFilesTest, AnOlderJournalPutBackIsWrittenFromTheBeginning) {
  Open();
  const int64_t first = Commit("a", "job_started");
  Commit("a", "job_completed");
  Close();
  log_.ForgetAfter(first);
  Open();
  ExpectCurrent("a");
  WaitForCursor();
  EXPECT_EQ(Cursor(), first);
}

TEST_F(StateFilesTest, StopWritesWhatIsBehindAndTheCursor) {
  Open();
  const int64_t seq = Commit("a", "gate_pause", "g");
  state_files_->Stop();
  ExpectCurrent("a");
  EXPECT_EQ(Read("stagelog.follow.json"),
            "{\"state_files_through\":" + std::to_string(seq) + ",\"version\":2}\n");
  EXPECT_FALSE(state_files_->RunOnce());
}

TEST_F(StateFilesTest, StopWithoutAStartWritesNothing) {
  Commit("a", "job_started");
  {
    const FollowerRunner never_started(
        std::make_unique<StateFiles>(files_, log_, log_, clock_, metrics_, directory_.path()), log_,
        clock_);
  }
  EXPECT_EQ(files_.OperationCount(), 0U);
}

TEST_F(StateFilesTest, StopGivesUpOnWhatFails) {
  Open();
  const int64_t first = Commit("a", "job_started");
  WaitForCursor();
  files_.Inject(
      {.operation = Operation::kWrite, .path_contains = "a/state.json", .until_healed = true});
  Commit("a", "job_completed");
  Commit("b", "job_completed");
  state_files_->Stop();
  ExpectCurrent("b");
  EXPECT_EQ(Cursor(), first);
  files_.Heal();
  Close();
  Open();
  ExpectCurrent("a");
}

TEST_F(StateFilesTest, TheCursorComesToRestAtTheHead) {
  Open();
  Commit("a", "job_started");
  const int64_t seq = Commit("b", "job_started");
  Wait(kSecond);
  EXPECT_EQ(Cursor(), 0);
  WaitForCursor();
  EXPECT_EQ(Cursor(), seq);
}

TEST_F(StateFilesTest, AlsoAfterEventsThatComeDuringARound) {
  Open();
  Commit("a", "job_started");
  Wait(kSecond);
  const int64_t seq = Commit("b", "job_started");
  Wait(kSecond);
  WaitForCursor();
  EXPECT_EQ(Cursor(), seq);
}

TEST_F(StateFilesTest, TheCursorIsWrittenSeldom) {
  Open();
  for (int i = 0; i < 600; ++i) {
    Commit("a", "log");
    Wait(100 * kMilli);
  }
  EXPECT_LE(Writes("stagelog.follow.json"), 6U);
  EXPECT_GE(Writes("stagelog.follow.json"), 4U);
  EXPECT_LE(files_.OperationCount(Operation::kSync, "a/state.json"), 6U);
}

TEST_F(StateFilesTest, TheCursorPromisesNothingThatWasNotSynced) {
  Open();
  Commit("a", "gate_pause", "g");
  files_.Inject({.operation = Operation::kSync,
                 .path_contains = "a/gates/g.json",
                 .until_healed = true,
                 .lose_unsynced = true});
  WaitForCursor();
  EXPECT_EQ(Cursor(), 0);
  EXPECT_GE(Failures(), 1U);
  files_.Heal();
  WaitForCursor();
  WaitForCursor();
  EXPECT_EQ(Cursor(), 1);
  Crash();
  ExpectCurrent("a");
}

TEST_F(StateFilesTest, AJobThatFailsHoldsTheCursorBack) {
  Open();
  const int64_t before = Commit("a", "job_started");
  WaitForCursor();
  fs::create_directory(directory_.Path("bad"));
  Put("bad/gates", "in the way");
  Commit("bad", "gate_pause", "g");
  Commit("a", "job_completed");
  WaitForCursor();
  EXPECT_EQ(Cursor(), before);
  fs::remove(directory_.Path("bad/gates"));
  Wait(kSecond);
  WaitForCursor();
  EXPECT_EQ(Cursor(), before + 2);
}

TEST_F(StateFilesTest, AJobThatWaitsToBeWrittenHoldsTheCursorBack) {
  Open();
  const int64_t before = Commit("a", "job_started");
  Wait(kSecond);
  fs::create_directories(directory_.Path("bad/state.json"));
  clock_.AdvanceMicros(10 * kSecond);
  Commit("bad", "job_started");
  Turn();  // the cursor moves on, and is given its next place, while the job is still to be written
  EXPECT_EQ(Cursor(), before);
  Turn();
  WaitForCursor();
  EXPECT_EQ(Cursor(), before);
}

TEST_F(StateFilesTest, ALongBacklogHoldsTheCursorBack) {
  for (int i = 0; i < 100; ++i) Commit("job-" + std::to_string(i), "job_started");
  clock_.tick_micros = 60 * kMilli;
  Open();
  EXPECT_FALSE(Exists("job-50/state.json"));
  for (int i = 0; i < 1000 && Cursor() == 0; ++i) Turn();
  for (int i = 0; i < 100; ++i) ExpectCurrent("job-" + std::to_string(i));
  EXPECT_EQ(Cursor(), 100);
}

TEST_F(StateFilesTest, WhatIsFreshDoesNotWaitForALongBacklog) {
  for (int i = 0; i < 100; ++i) Commit("job-" + std::to_string(i), "job_started");
  clock_.tick_micros = 60 * kMilli;
  Open();
  Commit("fresh", "job_started");
  for (int i = 0; i < 5; ++i) Turn();
  ExpectCurrent("fresh");
  EXPECT_FALSE(Exists("job-50/state.json"));
}

TEST_F(StateFilesTest, StopDoesNotWaitForALongBacklog) {
  for (int i = 0; i < 100; ++i) Commit("job-" + std::to_string(i), "job_started");
  clock_.tick_micros = 60 * kMilli;
  Open();
  Commit("fresh", "job_started");
  Close();
  ExpectCurrent("fresh");
  EXPECT_FALSE(Exists("job-50/state.json"));
  EXPECT_EQ(Cursor(), 0);
  clock_.tick_micros = 0;
  Open();
  ExpectCurrent("job-50");
}

TEST_F(StateFilesTest, FilesThatSomebodyRemovesDoNotHoldItBack) {
  Open();
  Commit("a", "gate_pause", "g");
  const int64_t seq = Commit("b", "job_started");
  Wait(kSecond);
  fs::remove_all(directory_.Path("a"));
  fs::remove(directory_.Path("b/state.json"));
  WaitForCursor();
  EXPECT_EQ(Cursor(), seq);
  EXPECT_FALSE(Exists("a"));
  EXPECT_FALSE(Exists("b/state.json"));
}

TEST_F(StateFilesTest, ACursorThatCannotBeWrittenIsTriedAgain) {
  Open();
  Commit("a", "job_started");
  files_.Inject(
      {.operation = Operation::kOpen, .path_contains = "stagelog.follow", .until_healed = true});
  WaitForCursor();
  EXPECT_EQ(Cursor(), 0);
  files_.Heal();
  WaitForCursor();
  EXPECT_EQ(Cursor(), 1);
}

// Whatever a power cut leaves, after the next start every file is whole and current: those that the
// cursor covers because they were synced, the others because they are written again.
TEST_F(StateFilesTest, APowerCutAtAnyMomentIsMended) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Open();
    const std::vector<std::string> jobs = {"a", "b", "c"};
    const std::vector<std::string> types = {"log", "gate_pause", "gate_approved", "gate_pause"};
    for (uint64_t i = 0; i < 5 + seed; ++i) {
      const std::string job = jobs[(seed + i * i) % jobs.size()];
      const std::string type = types[(seed * 7 + i) % types.size()];
      Commit(job, type, type == "log" ? "" : "g" + std::to_string(i % 2));
      Wait(static_cast<int64_t>((seed * 31 + i * 17) % 23) * 250 * kMilli);
    }
    Crash(seed % 4 == 0 ? std::nullopt : std::optional<uint64_t>(seed));
    Open();
    for (const std::string& job : jobs) {
      if (log_.StateOf(job).job_seq > 0) ExpectCurrent(job);
    }
    Close();
  }
}

// Each step of one run fails in its turn; the next run mends it.
TEST_F(StateFilesTest, AnyStepMayFail) {
  const auto live = [this] {
    Commit("a", "gate_pause", "g");
    Wait(kSecond);
    Commit("a", "gate_approved", "g");
    Commit("b", "log");
    WaitForCursor();
    Close();
  };
  Open();
  files_.ResetCounts();
  live();
  const size_t steps = files_.OperationCount();
  ASSERT_GT(steps, 10U);
  for (size_t step = 1; step <= steps; ++step) {
    Open();
    files_.Inject({.nth = step});
    live();
    files_.Heal();
    Open();
    ExpectCurrent("a");
    ExpectCurrent("b");
    Close();
    EXPECT_EQ(Cursor(), log_.GetStatus().head_seq) << step;
  }
}

// Rounds that take long come less often, but within a second all is written.
TEST_F(StateFilesTest, UnderLoadItGathersForLonger) {
  Open();
  const auto gathers_for = [&] {
    Commit("a", "log");
    clock_.tick_micros = 0;
    return task_->NextWork().boot_micros - clock_.BootMicros();
  };
  EXPECT_EQ(gathers_for(), 300 * kMilli);
  for (const auto& [tick, gather] :
       {std::pair(0, 300), {50, 400}, {150, 700}, {400, 500}, {700, 300}, {1, 300}}) {
    clock_.AdvanceMicros(kSecond);
    clock_.tick_micros = tick * kMilli;
    Turn();
    EXPECT_EQ(gathers_for(), gather * kMilli) << tick;
  }
}

// The thread, on the machine's own clock and disk.
TEST(StateFilesThreadTest, FollowsTheLogAndStops) {
  SetLogLevel(LogLevel::kOff);
  const TemporaryDirectory directory;
  FakeLog log(SystemClock());
  MetricsRegistry metrics;
  FollowerRunner state_files(std::make_unique<StateFiles>(RealFileSystem(), log, log, SystemClock(),
                                                          metrics, directory.path()),
                             log, SystemClock());
  log.SetListener(&state_files);
  state_files.Start("state-files");
  fs::create_directory(directory.Path("a"));
  log.Commit("a", "job_started");
  const Deadline deadline(std::chrono::seconds(20));
  while (!fs::exists(directory.Path("a/state.json")) && !deadline.Passed()) {
    std::this_thread::yield();
  }
  for (int i = 0; i < 1000; ++i) log.Commit("a", "log");
  log.SetListener(nullptr);
  state_files.Stop();
  state_files.Stop();
  const Result<std::string> text = ReadWholeFile(RealFileSystem(), directory.Path("a/state.json"));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, EncodeJobState(log.StateOf("a")) + "\n");
  EXPECT_EQ(ReadFollowCursor(RealFileSystem(), directory.path()).state_files_through, 1001);
}

}  // namespace
}  // namespace stagelog
