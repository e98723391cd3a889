// A backup is a journal of one moment, whatever goes on meanwhile, and whoever opens it goes on
// under another name and with other numbers.
#include <gmock/gmock.h>

#include <filesystem>
#include <future>
#include <set>
#include <thread>

#include "backup/backup_runner.h"
#include "backup/journal_copy.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BackupTest : public JournalTest {
 protected:
  BackupTest() { retention_.max_events_per_job = 3; }

  Result<BackupReport> Copy(
      const std::string& name = "copy",
      const std::function<bool()>& is_cancelled = [] { return false; }) {
    return CopyJournal(files_, clock_, runs_, backups_ + "/" + name, is_cancelled);
  }

  void End(const std::string& job_id) { ASSERT_TRUE(Append(TypedDraft(job_id, "job_completed"))); }

  // One job that is over and mostly in its file alone, one that runs, one that was deleted.
  void TellAStory() {
    for (int i = 0; i < 10; ++i) {
      const std::string id = std::to_string(i);
      ASSERT_TRUE(Log("over", "m" + id, "over-" + id));
      ASSERT_TRUE(Log("deleted", "m" + id));
      ASSERT_TRUE(Log("running", "m" + id));
    }
    End("over");
    End("deleted");
    clock_.AdvanceMicros(2 * kMicrosPerHour);
    Trim();
    Delete("deleted");
  }

  void Trim() {
    int64_t dropped = -1;
    archiver_->RunRetention(false, [&](const auto& report) { dropped = report->events_dropped; });
    while (dropped < 0) logger_->RunOnce(false);
    ASSERT_GT(dropped, 0);
  }

  void Delete(const std::string& job_id) {
    bool done = false;
    logger_->DeleteJob(job_id, "tester", [&](const auto& outcome) { done = outcome.has_value(); });
    for (int i = 0; i < 50 && !done; ++i) logger_->RunOnce(false);
    ASSERT_TRUE(done);
  }

  std::vector<std::string> Everything() {
    std::vector<std::string> bodies;
    ReadRequest request;
    request.max_events = 1'000'000;
    request.max_bytes = SIZE_MAX;
    const Result<Page> page = logger_->reader().Read(request);
    EXPECT_TRUE(page) << page.error().message;
    if (page) {
      for (const PageEvent& event : page->events) bodies.push_back(event.body);
    }
    return bodies;
  }

  // Puts the copy in the journal's place, as a person would.
  void Restore(const std::string& name = "copy") {
    Close();
    std::filesystem::remove_all(runs_);
    std::filesystem::copy(backups_ + "/" + name, runs_, std::filesystem::copy_options::recursive);
    Open();
  }

  std::vector<std::string> Backups() const {
    std::vector<std::string> names;
    if (!std::filesystem::exists(backups_)) return names;
    for (const auto& entry : std::filesystem::directory_iterator(backups_)) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::string backups_ = directory_.Path("backups");
};

// The snapshot has events that the tables of jobs did not have yet, and jobs without a row.
TEST_F(BackupTest, ACopyOfAJournalWhoseTablesAreBehindIsComplete) {
  options_.table_delay_micros = INT64_MAX / 4;
  Open();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(Log("job-" + std::to_string(i % 6), "m"));
  ASSERT_EQ(logger_->job_tables().GetFollowerStatus().lag_events, 20);
  const std::vector<std::string> before = Everything();
  const auto report = Copy();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->job_count, 6);
  Close();
  runs_ = backups_ + "/copy";
  Open();
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
}

TEST_F(BackupTest, HoldsEverythingByteForByte) {
  Open();
  TellAStory();
  const std::vector<std::string> before = Everything();
  const std::string file = FileText("over");
  const Result<BackupReport> made = Copy();
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->path, backups_ + "/copy");
  EXPECT_EQ(made->head_seq, logger_->GetStatus().head_seq);
  EXPECT_EQ(made->journal_id, logger_->GetStatus().journal_id);
  EXPECT_EQ(made->job_count, 2);
  EXPECT_GT(made->bytes, static_cast<int64_t>(file.size()));
  EXPECT_EQ(ReadAll(backups_ + "/copy/over/events.jsonl"), file);
  EXPECT_THAT(Backups(), ::testing::ElementsAre("copy"));
  ASSERT_TRUE(Log("running", "too late for the copy"));
  Restore();
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(FileText("over"), file);
  EXPECT_TRUE(logger_->IsDeleted("deleted"));
  EXPECT_FALSE(Log("deleted", "it stays so"));
  EXPECT_TRUE(Log("over", "m3", "over-3")->at(0).duplicate);
  ExpectAgreement();
}

TEST_F(BackupTest, ARestoredJournalIsAnotherOne) {
  Open();
  TellAStory();
  const std::string id = logger_->GetStatus().journal_id;
  ASSERT_TRUE(Copy());
  int64_t last_seq = 0;
  for (int i = 0; i < 100; ++i) last_seq = Log("running", "after the backup")->at(0).seq;
  clock_.AdvanceMicros(1'000);
  std::vector<std::string> ids = {id};
  // As often as one likes, from the same copy: each time other numbers than the time before.
  for (int i = 0; i < 3; ++i) {
    Restore();
    ids.push_back(logger_->GetStatus().journal_id);
    const int64_t seq = Log("running", "after the restore")->at(0).seq;
    EXPECT_GT(seq, last_seq) << "it has been seen with another event";
    EXPECT_LT(seq, int64_t{1} << 53) << "JavaScript could not tell it from the next";
    last_seq = Log("running", "and on")->at(0).seq;
    EXPECT_EQ(last_seq, seq + 1);
    ExpectAgreement();
    clock_.AdvanceMicros(1'000);
  }
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 4U);
  // Only its first opening makes it another one.
  Close();
  Open();
  EXPECT_EQ(logger_->GetStatus().journal_id, ids.back());
  EXPECT_EQ(Log("running", "again")->at(0).seq, last_seq + 1);
  Crash();
  Open();
  EXPECT_EQ(logger_->GetStatus().journal_id, ids.back());
}

TEST_F(BackupTest, WithoutItsDatabaseItIsStillABackup) {
  Open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Log("job", "m"));
  const std::string id = logger_->GetStatus().journal_id;
  ASSERT_TRUE(Copy());
  int64_t last_seq = 0;
  for (int i = 0; i < 5; ++i) last_seq = Log("job", "after the backup")->at(0).seq;
  std::filesystem::remove(backups_ + "/copy/stagelog.db");
  Restore();
  EXPECT_EQ(Everything().size(), 5U);
  EXPECT_NE(logger_->GetStatus().journal_id, id);
  EXPECT_GT(Log("job", "on")->at(0).seq, last_seq);
}

TEST_F(BackupTest, AJobThatIsDeletedMeanwhileIsNotInIt) {
  Open();
  TellAStory();
  const int64_t head_seq = logger_->GetStatus().head_seq;
  // The database is copied, the files are not, when the job goes.
  bool deleted = false;
  const Result<BackupReport> made = Copy("copy", [&] {
    const bool is_copied = std::filesystem::exists(backups_ + "/.copy.partial/over");
    if (is_copied && !deleted) {
      EXPECT_TRUE(Log("running", "not in the copy"));
      Delete("running");
    }
    deleted |= is_copied;
    return false;
  });
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(deleted);
  EXPECT_EQ(made->job_count, 1);
  EXPECT_EQ(made->head_seq, head_seq) << "of the snapshot, whatever was deleted since";
  EXPECT_FALSE(std::filesystem::exists(backups_ + "/copy/running"));
  EXPECT_TRUE(logger_->IsDeleted("running"));
  Restore();
  EXPECT_TRUE(logger_->IsDeleted("running"));
  EXPECT_EQ(Everything().size(), 11U);
  ExpectAgreement();
}

TEST_F(BackupTest, OfAnEmptyJournalNamesThatJournalToo) {
  Open();
  const std::string journal_id = logger_->GetStatus().journal_id;
  const Result<BackupReport> made = Copy();
  ASSERT_TRUE(made) << made.error().message;
  const Result<JournalIdentity> identity = ReadJournalIdentity(files_, backups_ + "/copy");
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->journal_id, journal_id);
  EXPECT_TRUE(identity->is_backup);
  Restore();
  EXPECT_NE(logger_->GetStatus().journal_id, journal_id);
}

TEST_F(BackupTest, AJobWhoseOldLinesGoMeanwhileIsNotInIt) {
  Open();
  TellAStory();
  bool deleted = false;
  const Result<BackupReport> made = Copy("copy", [&] {
    // Asked between the pages too, and before the first of them.
    const bool is_begun =
        std::filesystem::exists(backups_ + "/.copy.partial/stagelog.db-journal") ||
        std::filesystem::exists(backups_ + "/.copy.partial/stagelog.db");
    if (is_begun && !deleted) Delete("over");
    deleted |= is_begun;
    return false;
  });
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_TRUE(deleted);
  EXPECT_FALSE(std::filesystem::exists(backups_ + "/copy/over"));
  Restore();
  EXPECT_TRUE(logger_->IsDeleted("over"));
  EXPECT_EQ(Everything().size(), 10U);
  ExpectAgreement();
}

TEST_F(BackupTest, CommitsDoNotMakeItBeginAnew) {
  Open();
  const std::string long_text(20'000, 'x');
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Log("job", long_text));
  const int64_t head = logger_->GetStatus().head_seq;
  int asked = 0;
  const Result<BackupReport> made = Copy("copy", [&] {
    EXPECT_TRUE(Log("job", "meanwhile"));
    return ++asked > 100;
  });
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_GT(asked, 5);
  EXPECT_GE(made->head_seq, head);
  EXPECT_LT(made->head_seq, logger_->GetStatus().head_seq);
  ExpectAgreement();
}

TEST_F(BackupTest, ReplacesNothing) {
  Open();
  ASSERT_TRUE(Log("job", "m"));
  ASSERT_TRUE(Copy());
  const Result<BackupReport> again = Copy();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().error_number, EEXIST);
  std::filesystem::create_directory(backups_ + "/empty");
  EXPECT_FALSE(Copy("empty"));
  EXPECT_TRUE(std::filesystem::is_empty(backups_ + "/empty"));
  // What a crash has left is no backup and is not in the way.
  std::filesystem::create_directories(backups_ + "/.other.partial/job");
  EXPECT_TRUE(Copy("other"));
  EXPECT_THAT(Backups(), ::testing::UnorderedElementsAre("copy", "empty", "other"));
}

TEST_F(BackupTest, ACanceledOneLeavesNothing) {
  Open();
  TellAStory();
  for (int enough = 0; enough < 3; ++enough) {
    int asked = 0;
    const Result<BackupReport> made = Copy("copy", [&] { return asked++ == enough; });
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().error_number, ECANCELED);
    EXPECT_THAT(Backups(), IsEmpty());
  }
}

TEST_F(BackupTest, AJournalThatWasTamperedWithIsNotCopied) {
  Open();
  TellAStory();
  std::string changed = FileText("over");
  changed[changed.find("\"m1\"") + 1] = 'X';
  WriteFileText("over", changed);
  const Result<BackupReport> made = Copy();
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("over does not contain event"));
  EXPECT_THAT(Backups(), IsEmpty());
}

TEST_F(BackupTest, EachOperationFailsOnceInTurn) {
  Open();
  TellAStory();
  const std::vector<std::string> before = Everything();
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    files_.ResetCounts();
    files_.Inject({.nth = nth});
    const Result<BackupReport> made = Copy();
    const size_t operations = files_.OperationCount();
    files_.Heal();
    // The last one syncs the name: whether the copy has it is not known then.
    const bool is_there = std::filesystem::exists(backups_ + "/copy");
    EXPECT_TRUE(made || !is_there || nth == operations);
    EXPECT_TRUE(is_there || !made);
    EXPECT_TRUE(logger_->GetStatus().writable);
    if (is_there) {
      EXPECT_THAT(FindDisagreements(backups_ + "/copy"), IsEmpty());
    }
    std::filesystem::remove_all(backups_);
    if (HasFailure() || nth > operations) break;
  }
  EXPECT_EQ(Everything(), before);
  ASSERT_TRUE(Copy());
  Restore();
  EXPECT_EQ(Everything(), before);
}

TEST_F(BackupTest, ThePowerFailsAfterEachOperation) {
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    std::filesystem::remove_all(runs_);
    std::filesystem::remove_all(backups_);
    Open();
    TellAStory();
    const std::vector<std::string> before = Everything();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    const bool made = Copy().has_value();
    const size_t operations = files_.OperationCount();
    files_.Heal();
    Crash(nth % 3 == 0 ? std::optional<uint64_t>() : nth);
    Open();
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
    const bool is_there = std::filesystem::exists(backups_ + "/copy");
    EXPECT_TRUE(is_there || !made) << "what was reported is there";
    if (!is_there) {
      EXPECT_TRUE(Copy()) << "what was left is not in the way";
    }
    Restore();
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
    Close();
    if (HasFailure() || nth > operations) return;
  }
}

// --- The thread ---

class BackupRunnerTest : public BackupTest {
 protected:
  using Outcome = tl::expected<BackupReport, Refusal>;

  std::future<Outcome> Begin(const std::string& name) {
    auto promise = std::make_shared<std::promise<Outcome>>();
    runner_.Backup(name, [promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
    return promise->get_future();
  }
  std::string CodeOf(const std::string& name) {
    const Outcome outcome = Begin(name).get();
    return outcome ? "made" : outcome.error().code;
  }

  BackupRunner runner_{files_, clock_, runs_, backups_};
};

TEST_F(BackupRunnerTest, TakesNamesOnly) {
  Open();
  ASSERT_TRUE(Log("job", "m"));
  for (const char* name : {"..", ".", "../x", "a/b", "/tmp/x", ".hidden", "a b", "-x"}) {
    EXPECT_EQ(CodeOf(name), "invalid_parameter") << name;
  }
  EXPECT_FALSE(std::filesystem::exists(backups_));
  EXPECT_EQ(CodeOf("daily"), "made");
  EXPECT_EQ(CodeOf("daily"), "backup_exists");
  EXPECT_THAT(Begin("").get()->path, HasSubstr(backups_ + "/stagelog-20"));
}

TEST_F(BackupRunnerTest, OneAtATimeAndNoneAtTheEnd) {
  Open();
  ASSERT_TRUE(Log("job", "m"));
  files_.BlockNth(Operation::kMakeDirectory, 2);
  auto first = Begin("first");
  files_.WaitUntilBlocked();
  EXPECT_EQ(CodeOf("second"), "backup_running");
  files_.Release();
  EXPECT_TRUE(first.get());
  files_.BlockNth(Operation::kMakeDirectory, 2);
  auto third = Begin("third");
  files_.WaitUntilBlocked();
  std::thread stopping([this] { runner_.Stop(); });
  while (CodeOf("late") != "shutting_down") std::this_thread::yield();
  files_.Release();
  stopping.join();
  EXPECT_EQ(third.get().error().code, "shutting_down");
  EXPECT_THAT(Backups(), ::testing::ElementsAre("first"));
}

TEST_F(BackupRunnerTest, AFullDiskIsSaid) {
  Open();
  ASSERT_TRUE(Log("job", "m"));
  files_.Inject({.operation = Operation::kWrite, .error_number = ENOSPC, .until_healed = true});
  const Outcome outcome = Begin("first").get();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "backup_failed");
  EXPECT_THAT(Backups(), IsEmpty());
}

}  // namespace
}  // namespace stagelog
