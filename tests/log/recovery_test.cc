#include "log/recovery.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "core/event_codec.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecoveryTest : public JournalTest {
 protected:
  // Three events in each of two jobs, and a clean end.
  void Prepare() {
    Open();
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(Log("a", "a" + std::to_string(i)));
      ASSERT_TRUE(Log("b", "b" + std::to_string(i)));
    }
    text_ = FileText("a");
    Close();
  }

  void RemoveDatabase() {
    for (const char* part : {"", "-wal", "-shm"}) {
      std::filesystem::remove(runs_ + "/stagelog.db" + part);
    }
  }

  std::vector<std::string> SetAside() { return logger_->GetStatus().set_aside; }

  std::string text_;  // of a's file
};

TEST_F(RecoveryTest, ACleanJournalIsNotTouched) {
  Prepare();
  files_.ResetCounts();
  Open();
  EXPECT_EQ(files_.OperationCount(Operation::kOpenRead, "events.jsonl"), 0u)
      << "the notes say that the files are the same: nobody has to read them";
  EXPECT_THAT(SetAside(), IsEmpty());
  ExpectAgreement();
}

TEST_F(RecoveryTest, ATornLastLineIsCutOffAndWrittenAnew) {
  Prepare();
  for (size_t cut = 1; cut < 40; ++cut) {
    WriteFileText("a", text_.substr(0, text_.size() - cut));
    Open();
    EXPECT_EQ(FileText("a"), text_) << "cut " << cut;
    EXPECT_THAT(SetAside(), IsEmpty());
    Close();
  }
}

TEST_F(RecoveryTest, MissingLinesAreAppended) {
  Prepare();
  WriteFileText("a", text_.substr(0, text_.find('\n') + 1));
  std::filesystem::remove(FilePath("b"));
  Open();
  EXPECT_EQ(FileText("a"), text_);
  EXPECT_THAT(SetAside(), IsEmpty());
  ExpectAgreement();
}

TEST_F(RecoveryTest, AMissingFolderIsMadeAnew) {
  Prepare();
  std::filesystem::remove_all(runs_ + "/a");
  Open();
  EXPECT_EQ(FileText("a"), text_);
}

TEST_F(RecoveryTest, AnEditedFileIsSetAsideAndRebuilt) {
  Prepare();
  std::string edited = text_;
  edited[edited.find("\"a1\"") + 1] = 'X';
  WriteFileText("a", edited);
  Open();
  EXPECT_EQ(FileText("a"), text_);
  ASSERT_EQ(SetAside().size(), 1u);
  EXPECT_THAT(SetAside()[0], HasSubstr("/a/events.jsonl.diverged-"));
  std::ifstream aside(SetAside()[0]);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(aside), {}), edited);
  ExpectAgreement();
}

TEST_F(RecoveryTest, AForeignLineAtTheEndIsSetAside) {
  Prepare();
  WriteFileText("a", text_ + "{\"hello\":1}\n");
  Open();
  EXPECT_EQ(FileText("a"), text_);
  EXPECT_EQ(SetAside().size(), 1u);
}

TEST_F(RecoveryTest, AnEditInTheMiddleIsFoundThoughTheSizeIsTheSame) {
  Prepare();
  std::string edited = text_;
  std::swap(edited[10], edited[11]);
  WriteFileText("a", edited);
  Open();
  EXPECT_EQ(FileText("a"), text_);
}

TEST_F(RecoveryTest, ALostDatabaseIsRebuiltWithEverySeq) {
  Prepare();
  RemoveDatabase();
  Open();
  EXPECT_EQ(FileText("a"), text_);
  EXPECT_EQ(Bodies("a").size(), 3u);
  EXPECT_EQ(Log("a", "next")->front().seq, 7) << "after a clean end no seq is skipped";
  const std::vector<std::string> lines = FileLines("a");
  const std::string event_id(ViewEvent(lines[0]).event_id);
  EXPECT_TRUE(Log("a", "a0", event_id)->front().duplicate) << "idempotency survives the loss";
  ExpectAgreement();
}

TEST_F(RecoveryTest, TheJournalKeepsItsIdAndNeverReusesASeqAfterTheLossOfEverythingElse) {
  Prepare();
  Open();
  const std::string journal_id = logger_->GetStatus().journal_id;
  ASSERT_TRUE(Log("a", "the last one"));
  const int64_t last = logger_->GetStatus().head_seq;
  Crash();  // not a clean end: journal.json holds a bound
  RemoveDatabase();
  std::filesystem::remove_all(runs_ + "/a");
  std::filesystem::remove_all(runs_ + "/b");
  Open();
  EXPECT_EQ(logger_->GetStatus().journal_id, journal_id);
  EXPECT_GT(Log("c", "first")->front().seq, last);
}

TEST_F(RecoveryTest, ACorruptDatabaseIsSetAsideAndRebuilt) {
  Prepare();
  std::ofstream(runs_ + "/stagelog.db", std::ios::trunc) << std::string(8192, 'x');
  Open();
  EXPECT_THAT(SetAside(), Contains(HasSubstr("stagelog.db.corrupt-")));
  EXPECT_EQ(FileText("a"), text_);
  EXPECT_EQ(Bodies("b").size(), 3u);
  ExpectAgreement();
}

TEST_F(RecoveryTest, LinesBeyondAnOlderDatabaseAreTaken) {
  Prepare();
  std::filesystem::copy_file(runs_ + "/stagelog.db", directory_.Path("older.db"));
  Open();
  ASSERT_TRUE(Log("a", "a3"));
  ASSERT_TRUE(Log("c", "a new job"));
  Close();
  RemoveDatabase();
  std::filesystem::copy_file(directory_.Path("older.db"), runs_ + "/stagelog.db");
  Open();
  EXPECT_EQ(Bodies("a").size(), 4u);
  EXPECT_EQ(Bodies("c").size(), 1u);
  EXPECT_GT(Log("a", "next")->front().seq, 8);
  ExpectAgreement();
}

// A folder from elsewhere: each line is right in itself.
TEST_F(RecoveryTest, LinesFromElsewhereAreTakenOnlyWhereTheyFitInTime) {
  Prepare();
  const int64_t now = clock_.WallMicros();
  constexpr int64_t kDay = int64_t{86'400} * 1'000'000;
  const auto write = [&](const std::string& job, int64_t seq, int64_t ts_micros) {
    Event event{
        .draft = LogDraft(job, "m", "id"), .seq = seq, .job_seq = 1, .ts_micros = ts_micros};
    event.draft.occurred_at_micros = ts_micros;
    std::filesystem::create_directories(runs_ + "/" + job);
    WriteFileText(job, EncodeEvent(event, "").body + "\n");
  };
  write("old", 1'001, now - kDay);
  write("far", 1'002, now + 2 * kDay);
  write("early", 1, now);
  write("fits", 1'000, now + 1'000);
  Open();
  EXPECT_THAT(SetAside(), AllOf(Contains(HasSubstr("/old/")), Contains(HasSubstr("/far/")),
                                Contains(HasSubstr("/early/")), SizeIs(3)));
  EXPECT_EQ(Bodies("fits").size(), 1u);
  const AppendOutcome outcome = Log("a", "later");
  ASSERT_TRUE(outcome);
  EXPECT_LT(outcome->front().ts_micros, now + kDay)
      << "the time of the journal is not dragged along";
  ExpectAgreement();
}

// The journal's time goes on where it was, ahead of a clock that was set back.
TEST_F(RecoveryTest, LinesBeyondTheDatabaseAreTakenThoughTheClockWasSetBack) {
  Prepare();
  std::filesystem::copy_file(runs_ + "/stagelog.db", directory_.Path("older.db"));
  Open();
  clock_.AdvanceMicros(-int64_t{86'400} * 1'000'000 * 3);
  ASSERT_TRUE(Log("a", "after the clock was set back"));
  Close();
  RemoveDatabase();
  std::filesystem::copy_file(directory_.Path("older.db"), runs_ + "/stagelog.db");
  Open();
  EXPECT_THAT(SetAside(), IsEmpty());
  EXPECT_EQ(Bodies("a").size(), 4u);
  ExpectAgreement();
}

TEST_F(RecoveryTest, ADatabaseMadeFromTheFilesTakesAnyTime) {
  Open();
  clock_.AdvanceMicros(int64_t{86'400} * 1'000'000 * 30);
  ASSERT_TRUE(Log("a", "the clock was wrong"));
  Close();
  clock_.AdvanceMicros(-int64_t{86'400} * 1'000'000 * 30);
  RemoveDatabase();
  Open();
  EXPECT_THAT(SetAside(), IsEmpty());
  EXPECT_EQ(Bodies("a").size(), 1u);
}

TEST_F(RecoveryTest, ADamagedIdentityFileIsSetAside) {
  Prepare();
  std::ofstream(runs_ + "/journal.json") << "{\"journal_id\":";
  Open();
  EXPECT_THAT(SetAside(), Contains(HasSubstr("journal.json.damaged-")));
  EXPECT_EQ(Log("a", "next")->front().seq, 7);
}

TEST_F(RecoveryTest, ADamagedFileDoesNotStopARebuild) {
  Prepare();
  RemoveDatabase();
  WriteFileText("a", text_.substr(0, text_.find('\n') + 1) + "garbage\n" + "more\n");
  Open();
  EXPECT_EQ(Bodies("a").size(), 1u) << "what is good before the damage is kept";
  EXPECT_EQ(Bodies("b").size(), 3u);
  EXPECT_EQ(SetAside().size(), 1u);
  ExpectAgreement();
}

TEST_F(RecoveryTest, ARebuildThatWasCutShortBeginsAgain) {
  Prepare();
  files_.ResetCounts();
  RemoveDatabase();
  Open();
  const size_t steps = files_.OperationCount();
  Close();
  for (size_t step = 1; step <= steps; ++step) {
    RemoveDatabase();
    WriteFileText("b", FileText("b") + "torn");  // so that there is something to mend as well
    files_.Inject({.nth = step, .until_healed = true});
    static_cast<void>(TryOpen());
    files_.Heal();
    Crash(step);
    Open();
    EXPECT_EQ(Bodies("a").size(), 3u) << "step " << step;
    EXPECT_EQ(Bodies("b").size(), 3u) << "step " << step;
    ExpectAgreement();
    Close();
    if (HasFailure()) return;
  }
}

TEST_F(RecoveryTest, ARewriteThatWasCutShortLosesNothing) {
  Prepare();
  std::string edited = text_;
  edited[edited.find("\"a1\"") + 1] = 'X';
  for (size_t step = 1; step <= 20; ++step) {
    WriteFileText("a", edited);
    files_.Inject({.nth = step, .path_contains = "/a", .until_healed = true});
    static_cast<void>(TryOpen());
    files_.Heal();
    Crash(step);
    Open();
    EXPECT_EQ(FileText("a"), text_) << "step " << step;
    ExpectAgreement();
    Close();
    if (HasFailure()) return;
  }
}

TEST_F(RecoveryTest, AnEditWhileTheJournalIsOpenIsFoundBeforeTheNextAppend) {
  Open();
  ASSERT_TRUE(Log("a", "original"));
  const std::string text = FileText("a");
  std::string edited = text;
  edited.replace(edited.find("original"), 8, "EDITED!!");
  for (const bool synced_before : {false, true}) {
    clock_.AdvanceMicros(options_.idle_sync_micros);
    if (synced_before) logger_->RunOnce(false);
    const std::string before = FileText("a");
    WriteFileText("a", edited);
    std::filesystem::last_write_time(
        FilePath("a"), std::filesystem::file_time_type::clock::now() + std::chrono::seconds(5));
    ASSERT_TRUE(Log("a", "next")) << "it is committed, for SQLite knows nothing of the file";
    WaitForRetry();
    ASSERT_TRUE(logger_->GetStatus().writable);
    EXPECT_EQ(FileText("a").substr(0, before.size()), before);
    edited = FileText("a");
    edited.replace(edited.find("original"), 8, "EDITED!!");
    ExpectAgreement();
  }
  EXPECT_EQ(SetAside().size(), 2u);
}

TEST_F(RecoveryTest, AFileReplacedWhileTheJournalIsOpenIsNotBlessed) {
  Open();
  ASSERT_TRUE(Log("a", "original"));
  std::filesystem::copy_file(FilePath("a"), FilePath("a") + ".copy");
  std::filesystem::rename(FilePath("a") + ".copy", FilePath("a"));
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  EXPECT_TRUE(logger_->IsFileBehind("a")) << "it is compared first";
  ASSERT_TRUE(Log("a", "next"));
  ExpectAgreement();
}

TEST_F(RecoveryTest, SomethingInTheWayOfAJobIsSetAsideAndHarmsNoOther) {
  Open();
  std::ofstream(runs_ + "/a") << "a plain file";
  ASSERT_TRUE(Log("a", "1"));
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_THAT(SetAside(), Contains(HasSubstr("/a.diverged-")));
  ASSERT_TRUE(Log("b", "1"));
  ExpectAgreement();
}

TEST_F(RecoveryTest, APipeInThePlaceOfAFileBlocksNobody) {
  Open();
  ASSERT_EQ(::mkdir((runs_ + "/a").c_str(), 0755), 0);
  ASSERT_EQ(::mkfifo(FilePath("a").c_str(), 0644), 0);
  ASSERT_TRUE(Log("a", "1"));
  WaitForRetry();
  EXPECT_TRUE(logger_->GetStatus().writable);
  ExpectAgreement();
}

TEST_F(RecoveryTest, ADatabaseDeletedWhileTheJournalIsOpenIsRebuilt) {
  Open();
  ASSERT_TRUE(Log("a", "1"));
  RemoveDatabase();
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  WaitForRetry();
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_EQ(Bodies("a").size(), 1u);
  ASSERT_TRUE(Log("a", "2"));
  ExpectAgreement();
}

TEST_F(RecoveryTest, ANewerSchemaIsRefused) {
  Prepare();
  {
    SQLite::Database database(runs_ + "/stagelog.db", SQLite::OPEN_READWRITE);
    database.exec("PRAGMA user_version = 99");
  }
  const Status opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("schema version 99"));
}

}  // namespace
}  // namespace stagelog
