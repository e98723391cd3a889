// SQLite keeps a suffix of each file, and nobody who reads can tell.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "tests/archive/retention_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(RetentionTest, JobsThatEndedKeepTheirNewest) {
  Open();
  AppendToTwo(10);
  ASSERT_TRUE(Log("running", "1"));
  const std::vector<std::string> before = Everything();
  EXPECT_EQ(Drop(), 0) << "they ended just now";
  clock_.AdvanceMicros(kMicrosPerHour);  // the last events are some microseconds later
  EXPECT_EQ(Drop(), 0) << "less than an hour ago";
  clock_.AdvanceMicros(1'000'000);
  EXPECT_EQ(Drop(), 16);
  EXPECT_EQ(RowCount(), 7);
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
  EXPECT_EQ(Drop(), 0);
  Close();
  Open();
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
  EXPECT_EQ(RowCount(), 7);
}

TEST_F(RetentionTest, OldEventsGoAndTheLastStays) {
  Open();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(Log("running", "m", "id-" + std::to_string(i)));
  clock_.AdvanceMicros(31 * kMicrosPerDay);
  EXPECT_EQ(Drop(), 4) << "its last event stays";
  ASSERT_TRUE(Log("running", "m", "id-5"));
  EXPECT_EQ(Drop(), 1);
  EXPECT_EQ(Bodies("running").size(), 6U);
  ExpectAgreement();
}

TEST_F(RetentionTest, DuplicatesAreKnownForLife) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 10; ++i) {
      const AppendOutcome same = Log("even", "m" + std::to_string(i), "even-" + std::to_string(i));
      ASSERT_TRUE(same) << same.error().detail;
      EXPECT_TRUE(same->front().duplicate);
      EXPECT_EQ(same->front().seq, 2 * i + 1);
      EXPECT_EQ(same->front().job_seq, i + 1);
      const AppendOutcome other = Log("even", "other", "even-" + std::to_string(i));
      ASSERT_FALSE(other);
      EXPECT_EQ(other.error().code, "event_id_conflict");
    }
    Close();
    Open();
  }
  ExpectAgreement();
}

TEST_F(RetentionTest, IdsThatTheJournalMadeOrJsonEscapesAreKnownForLife) {
  Open();
  const std::string strange = R"(a"b\c)";
  const AppendedEvent made = Log("running", "made")->front();
  ASSERT_TRUE(Log("running", "strange", strange));
  ASSERT_TRUE(Log("running", "last"));
  clock_.AdvanceMicros(31 * kMicrosPerDay);
  ASSERT_EQ(Drop(), 2);
  EXPECT_TRUE(Log("running", "made", made.event_id)->front().duplicate);
  EXPECT_TRUE(Log("running", "strange", strange)->front().duplicate);
  EXPECT_EQ(Log("running", "other", strange).error().code, "event_id_conflict");
  ExpectAgreement();
}

// The greatest id of a job says which ids are new, but of trimmed events only digests are stored.
TEST_F(RetentionTest, AnIdOfAClockThatIsAheadIsKnownForLife) {
  Open();
  const std::string ahead = MakeForeignUuidV7(clock_.WallMicros() + kMicrosPerHour);
  ASSERT_TRUE(Log("running", "ahead", ahead));
  ASSERT_TRUE(Log("running", "last"));
  clock_.AdvanceMicros(31 * kMicrosPerDay);
  ASSERT_EQ(Drop(), 1);
  for (int round = 0; round < 2; ++round) {
    const AppendOutcome same = Log("running", "ahead", ahead);
    ASSERT_TRUE(same);
    EXPECT_TRUE(same->front().duplicate);
    Close();
    Open();
  }
  ExpectAgreement();
}

TEST_F(RetentionTest, ADryRunChangesNothingAndSaysTheSame) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  const Outcome dry = Retain(true);
  ASSERT_TRUE(dry);
  EXPECT_EQ(RowCount(), 22);
  const Outcome wet = Retain();
  ASSERT_TRUE(wet);
  for (const Outcome* outcome : {&dry, &wet}) {
    EXPECT_EQ((*outcome)->events_dropped, 16);
    ASSERT_EQ((*outcome)->jobs.size(), 2U);
    EXPECT_EQ((*outcome)->jobs[0].job_id, "even");
    EXPECT_EQ((*outcome)->jobs[0].event_count, 8);
  }
}

TEST_F(RetentionTest, ItsTimeComesByItself) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  for (int i = 0; i < 50; ++i) logger_->RunOnce(false);
  EXPECT_EQ(RowCount(), 6);
}

TEST_F(RetentionTest, AppendsGetInBetweenTwoSlices) {
  Open();
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 2'000; ++i) drafts.push_back(LogDraft("large", "m"));
  ASSERT_TRUE(Append(std::move(drafts)));
  End("large");
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  std::optional<Outcome> outcome;
  archiver_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
  int appended = 0;
  while (!outcome) {
    ASSERT_TRUE(Log("other", "m"));
    ++appended;
  }
  EXPECT_GT(appended, 5);
  EXPECT_EQ(Bodies("large").size(), 2'001U);
  ExpectAgreement();
}

TEST_F(RetentionTest, LateEventsOfATrimmedJobGoOn) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  ASSERT_TRUE(Log("even", "late"));
  ExpectAgreement();
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 1);
  ExpectAgreement();
}

TEST_F(RetentionTest, TheDatabaseIsRebuiltFromTheFiles) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  const std::vector<std::string> before = Everything();
  Close();
  for (const char* part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(runs_ + "/stagelog.db" + part);
  }
  Open();
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(RowCount(), 22);
  EXPECT_EQ(Drop(), 16);
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
}

TEST_F(RetentionTest, EveryJobIsFoldedAnewFromItsFile) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  const std::vector<std::string> before = Everything();
  Close();
  options_.rebuild_states = true;
  Open();
  EXPECT_TRUE(logger_->states_were_rebuilt());
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
}

TEST_F(RetentionTest, ATornTailOfATrimmedFileIsMended) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  const std::string whole = FileText("even");
  Close();
  WriteFileText("even", whole.substr(0, whole.size() - 20));
  Open();
  EXPECT_EQ(FileText("even"), whole);
  ExpectAgreement();
}

TEST_F(RetentionTest, AChangedSuffixIsWrittenAnew) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  const std::string whole = FileText("even");
  Close();
  std::string changed = whole;
  changed[changed.rfind("\"m9\"") + 1] = 'X';
  WriteFileText("even", changed);
  Open();
  EXPECT_EQ(FileText("even"), whole);
  EXPECT_FALSE(logger_->GetStatus().set_aside.empty());
  ExpectAgreement();
}

TEST_F(RetentionTest, LinesThatOnlyTheFileHadAreLostAndFoundAgain) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  const std::string whole = FileText("even");
  const std::vector<std::string> lines = FileLines("even");
  const std::vector<std::string> before = Everything();
  Close();
  // The second line is changed, the third is gone: the others are served from where they are now.
  std::string changed;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string line = lines[i];
    if (i == 1) line[line.find("\"m1\"") + 1] = 'X';
    if (i != 2) changed += line + "\n";
  }
  WriteFileText("even", changed);
  Open();
  ASSERT_EQ(logger_->GetStatus().set_aside.size(), 1U);
  EXPECT_THAT(logger_->GetStatus().set_aside.front(), HasSubstr("diverged"));
  std::vector<std::string> left = lines;
  left.erase(left.begin() + 1, left.begin() + 3);
  EXPECT_EQ(Bodies("even"), left);
  EXPECT_EQ(FileLines("even"), left);
  EXPECT_EQ(Bodies("odd").size(), 11U);
  ASSERT_TRUE(Log("odd", "others go on"));
  Close();
  std::filesystem::remove(FilePath("even"));
  Open();
  EXPECT_EQ(Bodies("even").size(), 3U) << "what SQLite has";
  Close();
  // The file is put back, and with it everything.
  WriteFileText("even", whole);
  Open();
  EXPECT_EQ(Bodies("even"), lines);
  EXPECT_EQ(FileText("even"), whole);
  ExpectAgreement();
}

TEST_F(RetentionTest, AReaderThatFindsALineChangedHasTheFileCompared) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  const std::vector<std::string> lines = FileLines("even");
  std::string changed = FileText("even");
  changed[changed.find("\"m1\"") + 1] = 'X';
  std::ofstream(FilePath("even"), std::ios::binary | std::ios::in).write(changed.data(), 900);
  EXPECT_FALSE(logger_->reader().Read({.job_id = "even"})) << "what was changed is never served";
  logger_->RunOnce(false);
  WaitForRetry();
  ASSERT_TRUE(logger_->GetStatus().writable);
  EXPECT_EQ(logger_->GetStatus().set_aside.size(), 1U);
  std::vector<std::string> left = lines;
  left.erase(left.begin() + 1);
  EXPECT_EQ(Bodies("even"), left);
  EXPECT_EQ(FileLines("even"), left);
  EXPECT_TRUE(Log("even", "and on"));
}

TEST_F(RetentionTest, AFileThatDiffersIsNotTrusted) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  const std::string whole = FileText("even");
  std::string changed = whole;
  changed[changed.find("\"m1\"") + 1] = 'X';
  std::ofstream(FilePath("even"), std::ios::binary | std::ios::in).write(changed.data(), 600);
  ASSERT_NE(FileText("even"), whole);
  EXPECT_TRUE(Retain());
  RepairFiles();
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_EQ(FileText("even"), whole) << "SQLite had it all";
  EXPECT_EQ(Drop(), 8) << "the other job's were dropped at once";
  ExpectAgreement();
}

// What is in the file alone stays there, whatever the repair of the file does.
TEST_F(RetentionTest, AFileThatCannotBeWrittenKeepsWhatItAloneHas) {
  options_.open_files = 1;
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  const std::vector<std::string> before = Everything();
  for (const Operation operation : {Operation::kWrite, Operation::kSync, Operation::kClose}) {
    files_.Inject({.operation = operation, .path_contains = "/even/events.jsonl"});
    ASSERT_TRUE(Log("even", "late"));
    ASSERT_TRUE(Log("odd", "late"));
    clock_.AdvanceMicros(options_.idle_sync_micros);
    logger_->RunOnce(false);
    files_.Heal();
    RepairFiles();
    ExpectAgreement();
  }
  const std::vector<std::string> after = Everything();
  for (const std::string& body : before) EXPECT_THAT(after, ::testing::Contains(body));
  EXPECT_THAT(logger_->GetStatus().set_aside, IsEmpty());
}

TEST_F(RetentionTest, OldRunsAreDeletedForGood) {
  retention_ = {.runs_days = 7};
  Open();
  AppendToTwo(2);
  ASSERT_TRUE(Log("running", "1"));
  clock_.AdvanceMicros(8 * kMicrosPerDay);
  const Outcome outcome = Retain();
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->jobs_deleted, 2);
  End("running");
  EXPECT_EQ(Retain()->jobs_deleted, 0) << "it ended just now";
  EXPECT_FALSE(Log("odd", "late", "odd-0")) << "a retry does not bring it back";
  EXPECT_TRUE(logger_->IsDeleted("even"));
  EXPECT_TRUE(logger_->IsDeleted("odd"));
  EXPECT_FALSE(std::filesystem::exists(runs_ + "/even"));
  EXPECT_FALSE(std::filesystem::exists(runs_ + "/odd"));
  EXPECT_EQ(Read({}).size(), 2U);
  ExpectAgreement();
}

// The pass has looked at all of them when the first goes, and the first takes a while.
TEST_F(RetentionTest, AnOldRunThatGoesOnDuringThePassStays) {
  retention_ = {.runs_days = 7};
  Open();
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 3'000; ++i) drafts.push_back(LogDraft("first", "m"));
  ASSERT_TRUE(Append(std::move(drafts)));
  for (const char* job : {"first", "begun-again", "late", "last"}) End(job);
  clock_.AdvanceMicros(8 * kMicrosPerDay);
  std::optional<Outcome> outcome;
  archiver_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
  while (!logger_->IsDeleted("first")) logger_->RunOnce(false);
  ASSERT_FALSE(outcome);
  ASSERT_TRUE(Append(TypedDraft("begun-again", "job_started")));
  ASSERT_TRUE(Log("late", "a remark"));
  while (!outcome) logger_->RunOnce(false);
  ASSERT_TRUE(*outcome);
  EXPECT_EQ((*outcome)->jobs_deleted, 2);
  ASSERT_EQ((*outcome)->jobs.size(), 2U);
  EXPECT_EQ((*outcome)->jobs[1].job_id, "last");
  EXPECT_FALSE(logger_->IsDeleted("begun-again"));
  EXPECT_FALSE(logger_->IsDeleted("late"));
  EXPECT_EQ(Bodies("late").size(), 2U);
  ExpectAgreement();
}

TEST_F(RetentionTest, ATrimmedJobIsDeletedWhole) {
  Open();
  AppendToTwo(10);
  clock_.AdvanceMicros(2 * kMicrosPerHour);
  ASSERT_EQ(Drop(), 16);
  bool done = false;
  logger_->DeleteJob("even", "tester", [&](const auto& outcome) { done = outcome.has_value(); });
  for (int i = 0; i < 20; ++i) logger_->RunOnce(false);
  EXPECT_TRUE(done);
  EXPECT_EQ(Read({.max_events = 100}).size(), 11U);
  ExpectAgreement();
}

TEST_F(RetentionTest, EachOperationFailsOnceInTurn) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    AppendToTwo(6);
    clock_.AdvanceMicros(2 * kMicrosPerHour);
    const std::vector<std::string> before = Everything();
    files_.ResetCounts();
    files_.Inject({.nth = nth});
    static_cast<void>(Retain());
    operations = files_.OperationCount();
    files_.Heal();
    WaitForRetry();
    EXPECT_TRUE(logger_->GetStatus().writable);
    EXPECT_EQ(Everything(), before);
    EXPECT_GE(Drop(), 0);
    EXPECT_EQ(RowCount(), 6);
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
  });
}

TEST_F(RetentionTest, ThePowerFailsAfterEachOperation) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    AppendToTwo(6);
    clock_.AdvanceMicros(2 * kMicrosPerHour);
    const std::vector<std::string> before = Everything();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    static_cast<void>(Retain());
    operations = files_.OperationCount();
    files_.Heal();
    Crash(nth % 3 == 0 ? std::optional<uint64_t>() : nth);
    Open();
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
    EXPECT_GE(Drop(), 0);
    EXPECT_EQ(RowCount(), 6);
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
  });
}

}  // namespace
}  // namespace stagelog
