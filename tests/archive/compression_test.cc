// Files of jobs that are over are compressed, and nobody who reads can tell.
#include <gmock/gmock.h>

#include "backup/integrity_check.h"
#include "backup/journal_copy.h"
#include "tests/archive/compression_fixture.h"

namespace stagelog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

TEST_F(CompressionTest, JobsThatEndedLongAgoAreCompressed) {
  Open();
  AppendToTwo(10);
  ASSERT_TRUE(Log("running", "1"));
  const std::string text = FileText("even");
  const std::vector<std::string> before = Everything();
  clock_.AdvanceMicros(6 * kMicrosPerDay);
  EXPECT_EQ(Compress(), 0) << "too young";
  clock_.AdvanceMicros(2 * kMicrosPerDay);
  EXPECT_EQ(Compress(), 2);
  EXPECT_TRUE(IsCompressed("even"));
  EXPECT_TRUE(IsCompressed("odd"));
  EXPECT_TRUE(IsPlain("running"));
  EXPECT_EQ(ExpandZstd(ReadAll(ZstPath("even"))), text);
  EXPECT_FALSE(HasTemporary());
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
  EXPECT_EQ(Compress(), 0);
  files_.ResetCounts();
  Close();
  Open();
  EXPECT_EQ(files_.OperationCount(Operation::kOpenRead, "events.jsonl"), 0U) << "noted, not read";
  EXPECT_EQ(Everything(), before);
  EXPECT_TRUE(IsCompressed("even"));
  EXPECT_THAT(logger_->GetStatus().set_aside, IsEmpty());
}

TEST_F(CompressionTest, NothingIsCompressedUnlessAskedFor) {
  retention_ = {.max_events_per_job = 3};
  Open();
  MakeOldJobs();
  EXPECT_EQ(Compress(), 0);
  EXPECT_TRUE(IsPlain("even"));
}

TEST_F(CompressionTest, ADryRunSaysWhatAndChangesNothing) {
  Open();
  MakeOldJobs();
  const Outcome dry = Retain(true);
  ASSERT_TRUE(dry);
  EXPECT_EQ(dry->jobs_compressed, 2);
  ASSERT_EQ(dry->jobs.size(), 4U);
  EXPECT_EQ(dry->jobs[0].action, RetentionReport::Action::kDropEvents);
  EXPECT_EQ(dry->jobs[1].action, RetentionReport::Action::kCompress);
  EXPECT_EQ(dry->jobs[1].job_id, "even");
  EXPECT_EQ(dry->jobs[1].event_count, 11);
  EXPECT_TRUE(IsPlain("even"));
  EXPECT_EQ(Compress(), 2);
}

TEST_F(CompressionTest, ALargeFileIsReadAtEveryPlace) {
  Open();
  const std::string payload = "{\"text\":\"" + std::string(3'000, 'x') + "\"}";
  for (int i = 0; i < 20; ++i) {
    std::vector<EventDraft> drafts;
    for (int j = 0; j < 50; ++j) {
      drafts.push_back(LogDraft("even", "m" + std::to_string(i), std::to_string(50 * i + j)));
      drafts.back().payload = payload;
    }
    ASSERT_TRUE(Append(std::move(drafts)));
  }
  End("even");
  const std::string text = FileText("even");
  ASSERT_GT(text.size(), size_t{3} << 20);
  clock_.AdvanceMicros(8 * kMicrosPerDay);
  ASSERT_EQ(Compress(), 1);
  ASSERT_EQ(RowCount(), 3);
  EXPECT_EQ(ExpandZstd(ReadAll(ZstPath("even"))), text);
  const std::vector<std::string> lines = FileLines("even");
  EXPECT_EQ(Bodies("even"), lines);
  for (int64_t seq = 1; seq < 1'000; seq += 37) {
    EXPECT_THAT(Read({.job_id = "even", .after = seq - 1, .max_events = 1}),
                ElementsAre(lines[static_cast<size_t>(seq - 1)]));
    EXPECT_EQ((*logger_->reader().FindJob("even", seq))->job_seq, seq);
  }
  EventDraft again = LogDraft("even", "m3", "150");
  again.payload = payload;
  const AppendOutcome known = Append(again);
  ASSERT_TRUE(known) << known.error().detail;
  EXPECT_TRUE(known->front().duplicate);
}

TEST_F(CompressionTest, AppendsGetInBetweenTwoSlices) {
  retention_.max_events_per_job = 0;
  Open();
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 60; ++i) {
    drafts.push_back(LogDraft("large", "m"));
    drafts.back().payload = "{\"text\":\"" + std::string(100'000, 'x') + "\"}";
  }
  ASSERT_TRUE(Append(std::move(drafts)));
  End("large");
  clock_.AdvanceMicros(8 * kMicrosPerDay);
  std::optional<Outcome> outcome;
  archiver_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
  int appended = 0;
  while (!outcome) {
    ASSERT_TRUE(Log("other", "m"));
    ++appended;
  }
  EXPECT_GT(appended, 12) << "six mebibytes to write and to verify";
  EXPECT_TRUE(IsCompressed("large"));
  ExpectAgreement();
}

TEST_F(CompressionTest, ALateEventMakesTheFilePlainAgain) {
  for (const bool is_restarted : {false, true}) {
    Open();
    MakeOldJobs();
    ASSERT_EQ(Compress(), 2);
    const std::vector<std::string> before = Bodies("even");
    if (is_restarted) {
      Close();
      Open();
    }
    const AppendOutcome known = Log("even", "m4", "even-4");
    ASSERT_TRUE(known);
    EXPECT_TRUE(known->front().duplicate);
    EXPECT_TRUE(IsCompressed("even")) << "a retry adds nothing";
    ASSERT_TRUE(Log("even", "late", "late"));
    EXPECT_TRUE(IsPlain("even"));
    EXPECT_TRUE(IsCompressed("odd"));
    EXPECT_FALSE(HasTemporary());
    std::vector<std::string> after = Bodies("even");
    ASSERT_EQ(after.size(), before.size() + 1);
    after.pop_back();
    EXPECT_EQ(after, before);
    ASSERT_TRUE(Log("even", "later"));
    ExpectAgreement();
    clock_.AdvanceMicros(8 * kMicrosPerDay);
    EXPECT_EQ(Compress(), 1);
    ExpectAgreement();
    Close();
    fs::remove_all(runs_);
  }
}

TEST_F(CompressionTest, ALateEventLetsGoOfAFileThatIsBeingCompressed) {
  retention_.max_events_per_job = 0;
  for (int turns = 1; turns < 9; ++turns) {
    SCOPED_TRACE(turns);
    fs::remove_all(runs_);
    Open();
    ASSERT_TRUE(Log("even", "1"));
    End("even");
    clock_.AdvanceMicros(8 * kMicrosPerDay);
    std::optional<Outcome> outcome;
    archiver_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
    for (int i = 0; i < turns; ++i) logger_->RunOnce(false);
    ASSERT_TRUE(Log("even", "late"));
    while (!outcome) logger_->RunOnce(false);
    ASSERT_TRUE(*outcome);
    EXPECT_TRUE(IsPlain("even"));
    EXPECT_FALSE(HasTemporary());
    ExpectAgreement();
    Close();
  }
}

TEST_F(CompressionTest, ACompressedFileIsTrimmedAndATrimmedOneCompressed) {
  retention_.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  const std::vector<std::string> before = Everything();
  ASSERT_EQ(Compress(), 2);
  EXPECT_EQ(RowCount(), 22);
  Close();
  retention_.max_events_per_job = 3;
  Open();
  EXPECT_EQ(Drop(), 16);
  EXPECT_EQ(RowCount(), 6);
  EXPECT_TRUE(IsCompressed("even"));
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
}

TEST_F(CompressionTest, TheDatabaseIsRebuiltFromCompressedFiles) {
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  const std::vector<std::string> before = Everything();
  Close();
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  Open();
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(RowCount(), 22);
  EXPECT_TRUE(IsCompressed("even"));
  Close();
  options_.rebuild_states = true;
  Open();
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(Drop(), 16);
  EXPECT_EQ(Everything(), before);
  ExpectAgreement();
}

TEST_F(CompressionTest, WhereBothFilesAreThePlainOneCounts) {
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  const std::string whole = FileText("even");
  const std::string compressed = ReadAll(ZstPath("even"));
  Close();
  WriteFileText("even", whole);
  Open();
  EXPECT_TRUE(IsPlain("even")) << "the other one said the same";
  EXPECT_THAT(logger_->GetStatus().set_aside, IsEmpty());
  ExpectAgreement();
  Close();
  // One that says something else is kept.
  WriteZst("even", compressed.substr(0, compressed.size() / 2));
  fs::last_write_time(FilePath("even"), fs::file_time_type::clock::now());
  Open();
  EXPECT_TRUE(IsPlain("even"));
  EXPECT_EQ(FileText("even"), whole);
  EXPECT_THAT(logger_->GetStatus().set_aside,
              ElementsAre(HasSubstr("even/events.jsonl.zst.diverged-")));
}

TEST_F(CompressionTest, ACompressedJobIsDeletedWhole) {
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  bool done = false;
  logger_->DeleteJob("even", "tester", [&](const auto& outcome) { done = outcome.has_value(); });
  for (int i = 0; i < 20; ++i) logger_->RunOnce(false);
  EXPECT_TRUE(done);
  EXPECT_FALSE(fs::exists(runs_ + "/even"));
  EXPECT_EQ(Read({.max_events = 100}).size(), 11U);
  Close();
  retention_.runs_days = 7;
  Open();
  EXPECT_EQ(Retain()->jobs_deleted, 1);
  EXPECT_FALSE(fs::exists(runs_ + "/odd"));
  EXPECT_THAT(Read({}), IsEmpty());
}

TEST_F(CompressionTest, ABackupHoldsPlainFiles) {
  Open();
  MakeOldJobs();
  const std::string text = FileText("even");
  ASSERT_EQ(Compress(), 2);
  const std::vector<std::string> before = Everything();
  const std::string copy = directory_.Path("copy");
  const auto made = CopyJournal(files_, clock_, runs_, copy, [] { return false; });
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(ReadAll(copy + "/even/events.jsonl"), text);
  Close();
  fs::remove_all(runs_);
  fs::copy(copy, runs_, fs::copy_options::recursive);
  Open();
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(Compress(), 2);
  ExpectAgreement();
}

TEST_F(CompressionTest, TheIntegrityCheckReadsIt) {
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  Close();
  const auto findings = [&] {
    std::vector<std::string> told;
    const auto report =
        CheckIntegrity(files_, runs_, [&](const std::string& where, const std::string& what) {
          told.push_back(where + ": " + what);
        });
    EXPECT_TRUE(report) << report.error().message;
    return told;
  };
  EXPECT_THAT(findings(), IsEmpty());
  Flip("even", -20);
  EXPECT_THAT(findings(), Contains(HasSubstr("even/events.jsonl.zst is damaged: ")));
  fs::remove(ZstPath("even"));
  EXPECT_THAT(findings(), Contains("even/events.jsonl: missing"));
}

}  // namespace
}  // namespace stagelog
