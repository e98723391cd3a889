// A file that cannot be written makes only its own job's file lag.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include "log/journal_identity.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class JobFileFollowerTest : public JournalTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Log("bad", "1"));
    ASSERT_TRUE(Log("good", "1"));
  }

  void Obstruct(int error_number = EPERM) {
    files_.Inject({.operation = Operation::kWrite,
                   .path_contains = "bad/events.jsonl",
                   .error_number = error_number,
                   .until_healed = true,
                   .torn_bytes = 5});
  }

  std::vector<OwedFile> NotedFiles() {
    const Result<JournalIdentity> identity = ReadJournalIdentity(files_, runs_);
    EXPECT_TRUE(identity) << identity.error().message;
    return identity ? identity->owed_files : std::vector<OwedFile>();
  }

  // What a change by another program is noticed by: some time has passed since the last append.
  void LetTimePass() { clock_.AdvanceMicros(options_.idle_sync_micros / 2); }

  // The job's next event is acknowledged, and so is everybody's; then the file is complete.
  void ExpectOnlyItsFileLags() {
    LetTimePass();
    ASSERT_TRUE(Log("bad", "next"));
    ASSERT_TRUE(Log("good", "next"));
    EXPECT_TRUE(logger_->GetStatus().writable);
    ExpectAgreement();
    EXPECT_THAT(logger_->GetStatus().obstructed_files, IsEmpty());
    EXPECT_THAT(NotedFiles(), IsEmpty());
    EXPECT_FALSE(logger_->IsFileBehind("bad"));
    ASSERT_TRUE(Log("bad", "last"));
    ExpectAgreement();
  }
};

TEST_F(JobFileFollowerTest, ItsEventsAreAcknowledgedAndSoAreEverybodyElses) {
  Obstruct();
  ASSERT_TRUE(Log("bad", "2"));
  ASSERT_TRUE(Log("good", "2"));
  ASSERT_TRUE(Log("bad", "3"));
  const JournalStatus status = logger_->GetStatus();
  EXPECT_TRUE(status.writable);
  ASSERT_THAT(status.obstructed_files, SizeIs(1));
  EXPECT_EQ(status.obstructed_file_count, 1U);
  EXPECT_EQ(status.obstructed_files[0].job_id, "bad");
  EXPECT_EQ(status.obstructed_files[0].first_missing_job_seq, 2);
  EXPECT_NE(status.obstructed_files[0].problem, "");
  EXPECT_TRUE(logger_->IsFileBehind("bad"));
  EXPECT_FALSE(logger_->IsFileBehind("good"));
  EXPECT_THAT(Bodies("bad"), SizeIs(3)) << "all of it is served";
  EXPECT_THAT(listener_.Seqs(), ElementsAre(1, 2, 3, 4, 5));
  files_.Heal();
  ExpectOnlyItsFileLags();
  EXPECT_EQ(FileLines("bad").size(), 5U);
}

// A rebuild without the database could not know of it otherwise.
TEST_F(JobFileFollowerTest, ItIsNotedBeforeItsEventIsAcknowledged) {
  Obstruct();
  ASSERT_TRUE(Log("bad", "2"));
  EXPECT_THAT(NotedFiles(), ElementsAre(OwedFile{"bad", 2}));
  Crash();  // the note was synced
  EXPECT_THAT(NotedFiles(), ElementsAre(OwedFile{"bad", 2}));
  files_.Heal();
  Open();
  EXPECT_THAT(NotedFiles(), IsEmpty());
  ExpectAgreement();
}

TEST_F(JobFileFollowerTest, WhereItCannotBeNotedAppendsWait) {
  Obstruct();
  files_.Inject({.path_contains = "journal.json", .error_number = EIO, .until_healed = true});
  EXPECT_TRUE(Log("bad", "2")) << "after the commit the answer is 201";
  EXPECT_FALSE(logger_->GetStatus().writable);
  files_.Heal();
  WaitForRetry();
  ExpectOnlyItsFileLags();
}

TEST_F(JobFileFollowerTest, WithoutTheDatabaseTheLostEventsAreNamed) {
  Obstruct();
  ASSERT_TRUE(Log("bad", "2"));
  ASSERT_TRUE(Log("bad", "3"));
  files_.Kill();
  Close();
  files_.PowerOn();
  files_.Heal();
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  Open();
  const JournalStatus status = logger_->GetStatus();
  ASSERT_THAT(status.lost_tails, SizeIs(1));
  EXPECT_EQ(status.lost_tails[0].job_id, "bad");
  EXPECT_EQ(status.lost_tails[0].first_missing_job_seq, 2);
  EXPECT_THAT(Bodies("bad"), SizeIs(1));
  ASSERT_TRUE(Log("bad", "4"));
  ExpectAgreement();
  EXPECT_THAT(NotedFiles(), IsEmpty());
}

// The note is as exact after a restart as before.
TEST_F(JobFileFollowerTest, AlsoAfterARestartThatFoundTheFileStillObstructed) {
  Obstruct();
  ASSERT_TRUE(Log("bad", "2"));
  Close();
  Open();
  EXPECT_THAT(NotedFiles(), ElementsAre(OwedFile{"bad", 2}));
  ASSERT_TRUE(Log("bad", "3"));
  files_.Kill();
  Close();
  files_.PowerOn();
  files_.Heal();
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  Open();
  ASSERT_THAT(logger_->GetStatus().lost_tails, SizeIs(1));
  EXPECT_EQ(logger_->GetStatus().lost_tails[0].first_missing_job_seq, 2);
}

// A line is torn only if it is the beginning of one of ours.
TEST_F(JobFileFollowerTest, ATextWithoutAnEndBehindTheLastLineIsKept) {
  const std::string edited = FileText("bad") + "a note";
  WriteFileText("bad", edited);
  ExpectOnlyItsFileLags();
  ASSERT_THAT(logger_->GetStatus().set_aside, SizeIs(1));
  EXPECT_EQ(ReadAll(logger_->GetStatus().set_aside[0]), edited);
  Close();
  const std::string again = FileText("bad") + "another note";
  WriteFileText("bad", again);
  Open();
  ASSERT_THAT(logger_->GetStatus().set_aside, SizeIs(1));
  EXPECT_EQ(ReadAll(logger_->GetStatus().set_aside[0]), again);
}

// The events are in the file; that it cannot be synced says nothing about them.
TEST_F(JobFileFollowerTest, WithoutTheDatabaseAFileThatCanOnlyBeReadIsTaken) {
  Close();
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  files_.Inject({.path_contains = "bad/events.jsonl", .error_number = EPERM, .until_healed = true});
  Open();
  EXPECT_THAT(Bodies("bad"), SizeIs(1));
  EXPECT_EQ(logger_->GetStatus().obstructed_file_count, 1U);
  files_.Heal();
  ExpectOnlyItsFileLags();
}

TEST_F(JobFileFollowerTest, AFolderOfNobodyThatCannotBeReadKeepsNoJournalClosed) {
  Close();
  fs::create_directory(runs_ + "/foreign");
  std::ofstream(runs_ + "/foreign/events.jsonl") << "whatever\n";
  files_.Inject({.operation = Operation::kOpenRead,
                 .path_contains = "foreign/",
                 .error_number = EACCES,
                 .until_healed = true});
  Open();
  EXPECT_TRUE(logger_->GetStatus().writable);
  files_.Heal();
  ExpectAgreement();
}

// The writer does not notice, and no second database is made for the repair.
TEST_F(JobFileFollowerTest, ADatabaseThatWasRemovedIsNotMadeAnewByARepair) {
  logger_->Start();
  Obstruct();
  std::atomic<bool> is_done = false;
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  logger_->Append({LogDraft("bad", "2")}, std::nullopt, [&](const AppendOutcome&) {
    is_done = true;
    is_done.notify_one();
  });
  is_done.wait(false);
  files_.Heal();
  logger_->Stop();
  EXPECT_FALSE(fs::exists(runs_ + "/stagelog.db"));
  EXPECT_THAT(NotedFiles(), ElementsAre(OwedFile{"bad", 2}));
}

TEST_F(JobFileFollowerTest, AFileThatIsEditedOverAndOverIsRepairedLessOften) {
  for (int i = 0; i < 30; ++i) {
    LetTimePass();
    WriteFileText("bad", "edit " + std::to_string(i) + "\n");
    ASSERT_TRUE(Log("bad", "m"));
    for (int turn = 0; turn < 3; ++turn) logger_->RunOnce(false);
  }
  EXPECT_LT(logger_->GetStatus().set_aside.size(), 20U);
  ExpectAgreement();
}

TEST_F(JobFileFollowerTest, AnEditedFileIsSetAside) {
  const std::string edited = "edited by hand\n";
  WriteFileText("bad", edited);
  ExpectOnlyItsFileLags();
  ASSERT_THAT(logger_->GetStatus().set_aside, SizeIs(1));
  EXPECT_EQ(ReadAll(logger_->GetStatus().set_aside[0]), edited);
}

// It would be the next event, had the database not given its place to another one.
TEST_F(JobFileFollowerTest, ALineThatTheDatabaseLacksIsNotTaken) {
  ASSERT_TRUE(Log("bad", "2"));
  const std::string both = FileText("bad");
  Close();
  fs::remove_all(runs_);
  SetUp();
  WriteFileText("bad", FileText("bad") + both.substr(both.find('\n') + 1));
  ExpectOnlyItsFileLags();
  EXPECT_THAT(Bodies("bad"), SizeIs(3));
}

TEST_F(JobFileFollowerTest, ARemovedFileIsWrittenAnew) {
  fs::remove(FilePath("bad"));
  ExpectOnlyItsFileLags();
}

// Appends that follow each other closely look at the open file alone, for a tenth of a second.
TEST_F(JobFileFollowerTest, AFileThatIsMovedAwayUnderLoadIsMissedSoon) {
  fs::rename(FilePath("bad"), directory_.Path("moved"));
  for (int i = 0; i < 3; ++i) {
    clock_.AdvanceMicros(60'000);
    ASSERT_TRUE(Log("bad", "next"));
  }
  EXPECT_TRUE(fs::exists(FilePath("bad"))) << "it is written anew";
  ExpectOnlyItsFileLags();
  EXPECT_THAT(FileLines("bad"), SizeIs(6));
}

// Where a file was closed for another's descriptor the path may lead elsewhere when it is opened.
TEST_F(JobFileFollowerTest, AForeignFileGetsNoLine) {
  Close();
  options_.open_files = 1;
  Open();
  ASSERT_TRUE(Log("bad", "2"));
  ASSERT_TRUE(Log("good", "2"));
  const std::string foreign = "somebody else's\n";
  fs::rename(FilePath("bad"), directory_.Path("moved"));
  WriteFileText("bad", foreign);
  ASSERT_TRUE(Log("bad", "3"));
  ExpectAgreement();
  ASSERT_THAT(logger_->GetStatus().set_aside, SizeIs(1));
  EXPECT_EQ(ReadAll(logger_->GetStatus().set_aside[0]), foreign);
}

TEST_F(JobFileFollowerTest, ARemovedFolderIsMadeAnew) {
  fs::remove_all(runs_ + "/bad");
  ExpectOnlyItsFileLags();
}

TEST_F(JobFileFollowerTest, AFolderInItsPlaceIsSetAside) {
  fs::remove(FilePath("bad"));
  fs::create_directory(FilePath("bad"));
  std::ofstream(FilePath("bad") + "/inside") << "kept";
  ExpectOnlyItsFileLags();
  EXPECT_EQ(ReadAll(logger_->GetStatus().set_aside.at(0) + "/inside"), "kept");
}

TEST_F(JobFileFollowerTest, APipeInItsPlaceIsSetAside) {
  fs::remove(FilePath("bad"));
  ASSERT_EQ(::mkfifo(FilePath("bad").c_str(), 0644), 0);
  ExpectOnlyItsFileLags();
}

TEST_F(JobFileFollowerTest, ALinkInPlaceOfItsFolderIsSetAside) {
  const std::string outside = directory_.Path("outside");
  fs::copy(runs_ + "/bad", outside);
  fs::remove_all(runs_ + "/bad");
  const std::string text = ReadAll(outside + "/events.jsonl");
  fs::create_directory_symlink(outside, runs_ + "/bad");
  ExpectOnlyItsFileLags();
  EXPECT_EQ(ReadAll(outside + "/events.jsonl"), text);
}

TEST_F(JobFileFollowerTest, AnIdleFileThatWasChangedIsFoundWhenItIsSynced) {
  WriteFileText("bad", "edited by hand\n");
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  EXPECT_TRUE(logger_->GetStatus().writable);
  ExpectAgreement();
  EXPECT_THAT(logger_->GetStatus().set_aside, SizeIs(1));
}

// The kernel may take pages for clean that never reached the disk: they are written anew.
TEST_F(JobFileFollowerTest, AFileWhoseSyncFailedIsWrittenOverItself) {
  files_.Inject({.operation = Operation::kSync, .path_contains = "bad/events.jsonl"});
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  EXPECT_TRUE(logger_->GetStatus().writable);
  files_.ResetCounts();
  ASSERT_TRUE(Log("good", "2"));
  ExpectAgreement();
  EXPECT_GE(files_.OperationCount(Operation::kWrite, "bad/events.jsonl"), 1U);
  EXPECT_GE(files_.OperationCount(Operation::kSync, "bad/events.jsonl"), 1U);
}

TEST_F(JobFileFollowerTest, TheObstacleIsLookedAtLessAndLessOften) {
  Obstruct();
  ASSERT_TRUE(Log("bad", "2"));
  const auto attempts_within = [&](int64_t seconds) {
    files_.ResetCounts();
    for (int64_t i = 0; i < seconds; ++i) WaitForRetry();
    return files_.OperationCount(Operation::kOpen, "bad/events.jsonl");
  };
  const size_t first = attempts_within(10);
  EXPECT_GT(first, 1U);
  attempts_within(200);
  const size_t later = attempts_within(120);
  EXPECT_GE(later, 1U);
  EXPECT_LE(later, 3U);
  files_.Heal();
  ExpectAgreement();
}

TEST_F(JobFileFollowerTest, AnObstructedJobCanBeDeleted) {
  Obstruct();
  ASSERT_TRUE(Log("bad", "2"));
  bool is_deleted = false;
  logger_->DeleteJob("bad", "tester", [&](const auto& report) { is_deleted = report.has_value(); });
  for (int i = 0; i < 10 && !is_deleted; ++i) logger_->RunOnce(false);
  EXPECT_TRUE(is_deleted);
  EXPECT_THAT(logger_->GetStatus().obstructed_files, IsEmpty());
  WaitForRetry();
  EXPECT_FALSE(fs::exists(runs_ + "/bad"));
  ExpectAgreement();
}

// Opening the journal serves the jobs whose files are in order.
TEST_F(JobFileFollowerTest, AFileThatCannotBeReadKeepsNoJournalClosed) {
  files_.Kill();  // no file has a stamp
  Close();
  files_.PowerOn();
  files_.Inject({.operation = Operation::kOpenRead,
                 .path_contains = "bad/events.jsonl",
                 .error_number = EIO,
                 .until_healed = true});
  Open();
  ASSERT_THAT(logger_->GetStatus().obstructed_files, SizeIs(1));
  EXPECT_THAT(NotedFiles(), ElementsAre(OwedFile{"bad", 2}));
  ASSERT_TRUE(Log("bad", "2"));
  ASSERT_TRUE(Log("good", "2"));
  files_.Heal();
  ExpectOnlyItsFileLags();
}

// It may have lines that the older database lacks.
TEST_F(JobFileFollowerTest, ButAnOlderDatabaseDoesNotOpenWithoutIt) {
  Close();
  fs::copy_file(runs_ + "/stagelog.db", directory_.Path("older.db"));
  Open();
  ASSERT_TRUE(Log("bad", "2"));
  Close();
  fs::copy_file(directory_.Path("older.db"), runs_ + "/stagelog.db",
                fs::copy_options::overwrite_existing);
  files_.Inject({.operation = Operation::kOpenRead,
                 .path_contains = "bad/events.jsonl",
                 .error_number = EIO,
                 .until_healed = true});
  const Status opened = TryOpen();
  ASSERT_FALSE(opened);
  files_.Heal();
  Open();
  EXPECT_THAT(Bodies("bad"), SizeIs(2));
  ExpectAgreement();
}

// Whatever fails while a file is obstructed and repaired: nothing acknowledged is lost.
TEST_F(JobFileFollowerTest, EachOperationOfARepairFailsOnceInTurn) {
  Close();
  ForEachOperation([&](size_t nth, size_t& operations) {
    std::map<std::string, size_t> acknowledged;
    const auto log = [&](const std::string& job) {
      if (Log(job, "m")) ++acknowledged[job];
    };
    log("bad");
    log("good");
    LetTimePass();
    WriteFileText("bad", "edited by hand\n");
    files_.ResetCounts();
    files_.Inject({.nth = nth});
    for (int i = 0; i < 3; ++i) {
      log("bad");
      log("good");
      WaitForRetry();
    }
    operations = files_.OperationCount();
    files_.Heal();
    WaitForRetry();
    log("bad");
    ExpectAgreement();
    EXPECT_GE(Bodies("bad").size(), acknowledged["bad"]);
    EXPECT_GE(Bodies("good").size(), acknowledged["good"]);
  });
}

TEST_F(JobFileFollowerTest, ThePowerFailsAfterEachOperationOfARepair) {
  Close();
  ForEachOperation([&](size_t nth, size_t& operations) {
    size_t acknowledged = Log("bad", "m") ? 1 : 0;
    LetTimePass();
    WriteFileText("bad", "edited by hand\n");
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true});
    for (int i = 0; i < 3; ++i) {
      if (Log("bad", "m")) ++acknowledged;
      WaitForRetry();
    }
    operations = files_.OperationCount();
    files_.Heal();
    Crash(nth);
    Open();
    EXPECT_GE(Bodies("bad").size(), acknowledged);
    ExpectAgreement();
  });
}

// With its own threads: the file is edited, cut and removed while nine jobs are appended to.
TEST_F(JobFileFollowerTest, AFileIsEditedUnderLoad) {
  logger_->Start();
  std::atomic<bool> is_over = false;
  std::atomic<int> refused = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 9; ++i) {
    writers.emplace_back([&, job = i == 0 ? std::string("bad") : "good-" + std::to_string(i)] {
      while (!is_over) {
        std::atomic<bool> is_done = false;
        logger_->Append({LogDraft(job, "m")}, std::nullopt, [&](const AppendOutcome& outcome) {
          if (!outcome) ++refused;
          is_done = true;
          is_done.notify_one();
        });
        is_done.wait(false);
      }
    });
  }
  const auto pass = [&](int events) {  // the job goes on meanwhile
    const int64_t from = logger_->GetStatus().head_seq;
    while (logger_->GetStatus().head_seq < from + events) std::this_thread::yield();
  };
  for (int round = 0; round < 10; ++round) {
    clock_.AdvanceMicros(200'000);
    switch (round % 3) {
      case 0:
        WriteFileText("bad", "edited by hand\n");
        break;
      case 1:
        fs::remove(FilePath("bad"));
        break;
      default:
        std::error_code gone;  // or just set aside
        fs::resize_file(FilePath("bad"), 10, gone);
        break;
    }
    pass(200);
  }
  is_over = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(refused, 0);
  clock_.AdvanceMicros(60 * options_.retry_micros);
  logger_->Stop();
  Close();
  Open();
  ExpectAgreement();
}

// The repair writes a new file with the lines at other places. As long as it cannot take the place
// of the old one, what is only in that is read where it is.
TEST_F(JobFileFollowerTest, LinesThatOnlyTheFileHasAreReadUntilTheNewOneIsInItsPlace) {
  Close();
  retention_.max_events_per_job = 2;
  Open();
  for (int i = 2; i <= 6; ++i) ASSERT_TRUE(Log("bad", std::to_string(i)));
  ASSERT_TRUE(Append(TypedDraft("bad", "job_completed")));
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  int64_t dropped = -1;
  archiver_->RunRetention(false, [&](const auto& report) { dropped = report->events_dropped; });
  while (dropped < 0) logger_->RunOnce(false);
  ASSERT_EQ(dropped, 5);
  const std::vector<std::string> before = Bodies("bad");
  WriteFileText("bad", "a line of somebody else\n" + FileText("bad"));
  files_.Inject(
      {.operation = Operation::kRename, .path_contains = ".diverged", .until_healed = true});
  ASSERT_TRUE(Log("bad", "next"));
  for (int i = 0; i < 3; ++i) WaitForRetry();
  ASSERT_EQ(logger_->GetStatus().obstructed_file_count, 1U);
  ASSERT_THAT(Bodies("bad"), SizeIs(before.size() + 1));
  files_.Heal();
  ExpectAgreement();
  EXPECT_THAT(Bodies("bad"), SizeIs(before.size() + 1));
}

}  // namespace
}  // namespace stagelog
