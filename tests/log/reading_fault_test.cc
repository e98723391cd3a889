// What cannot be looked at, listed or read is trouble, never "nothing is there": the journal does
// not open, and says why.
#include <gmock/gmock.h>

#include <filesystem>
#include <map>

#include "backup/integrity_check.h"
#include "backup/journal_copy.h"
#include "tests/archive/retention_fixture.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kJobs = 4;

class ReadingFaultTest : public RetentionTest {
 protected:
  // Some jobs, one of which is trimmed and one is deleted.
  void Prepare() {
    Open();
    for (int i = 0; i < kJobs; ++i) {
      const std::string job_id = "job-" + std::to_string(i);
      for (int event = 0; event < 6; ++event) ASSERT_TRUE(Log(job_id, "m"));
      ASSERT_TRUE(Append(TypedDraft(job_id, "job_started")));
    }
    End("job-0");
    clock_.AdvanceMicros(2 * kMicrosPerHour);
    ASSERT_GT(Drop(), 0);
    ASSERT_TRUE(Log("gone", "m"));
    logger_->DeleteJob("gone", "tester", [](const auto&) {});
    for (int i = 0; i < 10; ++i) logger_->RunOnce(false);
    for (int i = 0; i < kJobs; ++i) expected_["job-" + std::to_string(i)] = Bodies(NameOf(i));
  }

  static std::string NameOf(int i) { return "job-" + std::to_string(i); }

  void ExpectEverything() {
    for (const auto& [job_id, bodies] : expected_) EXPECT_EQ(Bodies(job_id), bodies) << job_id;
    EXPECT_TRUE(logger_->IsDeleted("gone"));
    ExpectAgreement();
  }

  // A copy of the folder to begin from again and again.
  void Keep() {
    fs::remove_all(kept_);
    fs::copy(runs_, kept_, fs::copy_options::recursive);
  }
  void TakeBack() {
    fs::remove_all(runs_);
    fs::copy(kept_, runs_, fs::copy_options::recursive);
  }
  void RemoveDatabase() {
    for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  }

  // Opens the kept folder with the n-th of those operations failing, for every n. Where it opens
  // all the same nothing is missing; where it does not, nothing is once the trouble is over.
  void FailEach(Operation operation) {
    size_t refused = 0;
    for (size_t nth = 1;; ++nth) {
      SCOPED_TRACE("operation " + std::to_string(nth));
      TakeBack();
      files_.ResetCounts();
      files_.Inject({.operation = operation, .nth = nth, .error_number = EIO});
      const Status opened = TryOpen();
      const bool struck = files_.OperationCount(operation) >= nth;
      files_.Heal();
      if (!struck) break;
      if (!opened) {
        ++refused;
        // SQLite has words of its own for what it could not read.
        EXPECT_THAT(opened.error().message,
                    AnyOf(HasSubstr("injected: Input/output error"), HasSubstr("disk I/O error")));
        Open();
      }
      ExpectEverything();
      Close();
      if (HasFailure()) return;
    }
    EXPECT_GT(refused, 0U);
  }

  const std::string kept_ = directory_.Path("kept");
  std::map<std::string, std::vector<std::string>> expected_;
};

TEST_F(ReadingFaultTest, EachOperationFailsInTurnWhileAJournalIsOpened) {
  Prepare();
  Close();
  Keep();
  for (const Operation operation : {Operation::kStat, Operation::kList}) FailEach(operation);
}

TEST_F(ReadingFaultTest, EachOperationFailsInTurnAfterAKill) {
  Prepare();
  files_.Kill();
  logger_.reset();
  files_.PowerOn();
  Keep();
  for (const Operation operation : {Operation::kStat, Operation::kList, Operation::kOpenRead}) {
    FailEach(operation);
  }
}

TEST_F(ReadingFaultTest, EachOperationFailsInTurnWithTheDatabaseLost) {
  Prepare();
  Close();
  RemoveDatabase();
  Keep();
  for (const Operation operation :
       {Operation::kStat, Operation::kList, Operation::kOpenRead, Operation::kRead}) {
    FailEach(operation);
  }
}

// Four of twelve jobs were rebuilt from what of the folder could be listed, and nothing was said.
TEST_F(ReadingFaultTest, WithTheDatabaseLostAFolderThatCannotBeListedMakesNoDatabase) {
  Prepare();
  Close();
  RemoveDatabase();
  files_.Inject({.operation = Operation::kList, .until_healed = true});
  const Status opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr(runs_));
  EXPECT_FALSE(fs::exists(runs_ + "/stagelog.db"));
  files_.Heal();
  Open();
  ExpectEverything();
}

TEST_F(ReadingFaultTest, ABackupOfAFolderThatCannotBeReadIsNone) {
  Prepare();
  const std::string target = directory_.Path("backup");
  for (const Operation operation :
       {Operation::kStat, Operation::kList, Operation::kOpenRead, Operation::kClose}) {
    size_t refused = 0;
    for (size_t nth = 1;; ++nth) {
      files_.ResetCounts();
      files_.Inject({.operation = operation, .nth = nth});
      const auto report = CopyJournal(files_, clock_, runs_, target, [] { return false; });
      const bool struck = files_.OperationCount(operation) >= nth;
      files_.Heal();
      if (!report) ++refused;
      EXPECT_EQ(fs::exists(target), report.has_value());
      EXPECT_TRUE(!report || report->job_count == kJobs);
      fs::remove_all(target);
      if (!struck || HasFailure()) break;
    }
    EXPECT_GT(refused, 0U);
  }
}

TEST_F(ReadingFaultTest, AnIntegrityCheckThatCannotLookFindsNothingSound) {
  Prepare();
  files_.Kill();
  logger_.reset();
  files_.PowerOn();
  for (const Operation operation : {Operation::kStat, Operation::kList, Operation::kOpenRead}) {
    for (size_t nth = 1;; ++nth) {
      files_.ResetCounts();
      files_.Inject({.operation = operation, .nth = nth});
      std::vector<std::string> findings;
      const auto summary = CheckIntegrity(files_, runs_, [&](const auto& where, const auto& what) {
        findings.push_back(where + what);
      });
      const bool struck = files_.OperationCount(operation) >= nth;
      files_.Heal();
      if (!struck) break;
      EXPECT_TRUE(!summary || !findings.empty()) << "operation " << nth;
    }
  }
}

// A file of one job that cannot be looked at is that job's trouble.
TEST_F(ReadingFaultTest, AJobWhoseFolderCannotBeLookedAtHoldsUpNobodyElse) {
  Prepare();
  Close();
  Open();
  files_.Inject({.operation = Operation::kStat, .path_contains = "/job-1/", .until_healed = true});
  ASSERT_TRUE(Log("job-1", "m"));
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_TRUE(logger_->IsFileBehind("job-1"));
  ASSERT_TRUE(Log("job-2", "m"));
  files_.Heal();
  ASSERT_TRUE(Log("job-1", "m"));
  ExpectAgreement();
}

TEST_F(ReadingFaultTest, WhereTheDatabaseCannotBeLookedAtNothingIsNoted) {
  Open();
  ASSERT_TRUE(Log("job", "m"));
  files_.Inject({.operation = Operation::kStat, .path_contains = "stagelog.db"});
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  EXPECT_FALSE(logger_->GetStatus().writable);
  EXPECT_THAT(logger_->GetStatus().problem, HasSubstr("injected"));
  WaitForRetry();
  ASSERT_TRUE(Log("job", "m"));
  ExpectAgreement();
}

// The disk tells of what it could not write only when the file is closed.
TEST_F(ReadingFaultTest, AFileThatCannotBeClosedIsComparedAnew) {
  options_.open_files = 1;
  Open();
  ASSERT_TRUE(Log("a", "m"));
  files_.Inject({.operation = Operation::kClose, .path_contains = "/a/"});
  ASSERT_TRUE(Log("b", "m")) << "it is committed";
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_GE(files_.OperationCount(Operation::kWrite, "/a/events.jsonl"), 2U) << "written anew";
  ASSERT_TRUE(Log("a", "m"));
  ExpectAgreement();
}

// --- What a failed sync has left ---

class ForgetfulDiskTest : public RetentionTest {
 protected:
  void Restart() {
    files_.Kill();
    logger_.reset();
    files_.PowerOn();
    Open();
  }

  void LoseLog() {
    Open();
    ASSERT_TRUE(Log("job", "1"));
    files_.Inject({.operation = Operation::kSync,
                   .path_contains = "stagelog.db-wal",
                   .forget_unsynced = true});
    ASSERT_FALSE(Log("job", "2"));
    Restart();
    ASSERT_TRUE(Log("job", "3"));
    ASSERT_TRUE(Log("other", "1"));
    const std::vector<std::string> bodies = Bodies("job");
    Crash();
    fs::remove_all(runs_ + "/job");  // nor can the files make up for it
    fs::remove_all(runs_ + "/other");
    Open();
    EXPECT_EQ(Bodies("job"), bodies);
    EXPECT_EQ(Bodies("other").size(), 1U);
    ExpectAgreement();
  }
};

// The kernel counts the pages of a failed sync as written; a second sync succeeds without a reason,
// and whatever follows in the log is lost with them.
TEST_F(ForgetfulDiskTest, ALogWhoseSyncHasFailedIsNotTrustedAfterARestart) { LoseLog(); }

// There is no room to move it into the database.
TEST_F(ForgetfulDiskTest, NorIsItWhereTheDiskIsNearlyFull) {
  files_.SetFreeBytes(0);
  LoseLog();
}

// The same of events.jsonl: SQLite drops what the file is believed to have.
TEST_F(ForgetfulDiskTest, AFileWhoseSyncHasFailedIsNotTrustedEither) {
  Open();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Log("even", "m" + std::to_string(i)));
  End("even");
  files_.Inject(
      {.operation = Operation::kSync, .path_contains = "/even/", .forget_unsynced = true});
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  EXPECT_TRUE(logger_->IsFileBehind("even"));
  RepairFiles();
  const std::vector<std::string> bodies = Bodies("even");
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_GT(Drop(), 0);
  Crash();
  Open();
  EXPECT_EQ(Bodies("even"), bodies);
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
