// Files of jobs that are over are compressed, and nobody who reads can tell.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "journal/integrity_check.h"
#include "journal/journal_copy.h"
#include "journal/stored_file.h"
#include "tests/journal/retention_fixture.h"
#include "tests/support/journal_evidence.h"

namespace stagelog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

// Letters that do not compress much.
std::string Noise(size_t size, uint32_t seed) {
  std::string noise;
  for (uint32_t value = seed + 1; noise.size() < size;) {
    value = value * 1'664'525 + 1'013'904'223;
    noise += static_cast<char>('a' + (value >> 24) % 26);
  }
  return noise;
}

class CompressionTest : public RetentionTest {
 protected:
  CompressionTest() { options_.retention = {.max_events_per_job = 3, .compress_days = 7}; }

  int64_t Compress() {
    const Outcome outcome = Retain();
    EXPECT_TRUE(outcome) << outcome.error().detail;
    return outcome ? outcome->jobs_compressed : -1;
  }

  // Two jobs that ended eight days ago, all of whose events are in SQLite too, or (with trimming)
  // three of each.
  void MakeOldJobs(int each = 10) {
    AppendToTwo(each);
    clock_.AdvanceMicros(8 * kMicrosPerDay);
  }

  // "even" alone, ended eight days ago, in four frames.
  void MakeOldJobOfFourFrames() {
    std::vector<EventDraft> drafts;
    for (int i = 0; i < 100; ++i) {
      drafts.push_back(LogDraft("even", "m" + std::to_string(i)));
      drafts.back().payload = "{\"text\":\"" + Noise(9'000, static_cast<uint32_t>(i)) + "\"}";
    }
    ASSERT_TRUE(Append(std::move(drafts)));
    End("even");
    clock_.AdvanceMicros(8 * kMicrosPerDay);
  }

  std::string ZstPath(const std::string& job_id) const { return FilePath(job_id) + ".zst"; }
  bool IsCompressed(const std::string& job_id) const {
    return fs::exists(ZstPath(job_id)) && !fs::exists(FilePath(job_id));
  }
  bool IsPlain(const std::string& job_id) const {
    return !fs::exists(ZstPath(job_id)) && fs::exists(FilePath(job_id));
  }

  // A byte of the compressed file; from its end when negative.
  void Flip(const std::string& job_id, int64_t at) {
    std::string bytes = ReadAll(ZstPath(job_id));
    bytes.at(static_cast<size_t>(at < 0 ? static_cast<int64_t>(bytes.size()) + at : at)) ^= 0x10;
    WriteZst(job_id, bytes);
  }
  void WriteZst(const std::string& job_id, const std::string& bytes) const {
    std::ofstream(ZstPath(job_id), std::ios::binary | std::ios::trunc) << bytes;
  }

  std::vector<std::string> NamesIn(const std::string& path) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path)) names.push_back(entry.path().filename());
    return names;
  }
  bool HasTemporary() const {
    return fs::exists(CompressingPath(runs_)) || fs::exists(ExpandingPath(runs_));
  }
};

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
  options_.retention = {.max_events_per_job = 3};
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
  options_.retention.max_events_per_job = 0;
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
  logger_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
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
  options_.retention.max_events_per_job = 0;
  for (int turns = 1; turns < 9; ++turns) {
    SCOPED_TRACE(turns);
    fs::remove_all(runs_);
    Open();
    ASSERT_TRUE(Log("even", "1"));
    End("even");
    clock_.AdvanceMicros(8 * kMicrosPerDay);
    std::optional<Outcome> outcome;
    logger_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
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
  options_.retention.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  const std::vector<std::string> before = Everything();
  ASSERT_EQ(Compress(), 2);
  EXPECT_EQ(RowCount(), 22);
  Close();
  options_.retention.max_events_per_job = 3;
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

TEST_F(CompressionTest, WhatSQLiteHasIsWrittenAnewWhereTheFileIsDamaged) {
  options_.retention.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  const std::string whole = FileText("even");
  const std::vector<std::string> before = Everything();
  const std::string bytes = ReadAll(ZstPath("even"));
  // In the head, in a frame, in the table, in its footer; cut short; nothing; no zstd at all.
  std::vector<std::string> damaged = {bytes.substr(0, bytes.size() - 1), bytes.substr(0, 100), "",
                                      "{\"seq\":1}\n"};
  for (const size_t at : {size_t{0}, size_t{5}, bytes.size() / 2, bytes.size() - 12,
                          bytes.size() - 20, bytes.size() - 1}) {
    damaged.push_back(bytes);
    damaged.back()[at] ^= 0x10;
  }
  for (const std::string& text : damaged) {
    Close();
    fs::remove(FilePath("even"));
    WriteZst("even", text);
    Open();
    EXPECT_EQ(FileText("even"), whole);
    EXPECT_TRUE(IsPlain("even"));
    EXPECT_THAT(logger_->GetStatus().set_aside,
                ElementsAre(HasSubstr("even/events.jsonl.zst.diverged-")));
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
  }
}

TEST_F(CompressionTest, AReaderThatFindsAFrameDamagedSaysSoAndHasTheFileCompared) {
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  const std::string bytes = ReadAll(ZstPath("even"));
  const std::vector<std::string> lines = FileLines("even");
  Flip("even", static_cast<int64_t>(bytes.size() / 3));
  const Result<Page> page = logger_->reader().Read({.job_id = "even"});
  ASSERT_FALSE(page) << "what was changed is never served";
  EXPECT_THAT(page.error().message, HasSubstr("events.jsonl.zst is damaged"));
  EXPECT_EQ(Bodies("odd").size(), 11U);
  logger_->RunOnce(false);
  WaitForRetry();
  ASSERT_TRUE(logger_->GetStatus().writable);
  EXPECT_THAT(logger_->GetStatus().set_aside,
              ElementsAre(HasSubstr("even/events.jsonl.zst.diverged-")));
  EXPECT_THAT(Bodies("even"), ElementsAre(lines[8], lines[9], lines[10])) << "what SQLite has";
  EXPECT_TRUE(Log("even", "and on"));
  Close();
  // The file is put back, and with it everything.
  WriteZst("even", bytes);
  const std::string text = ExpandZstd(bytes) + FileLines("even").back() + "\n";
  WriteFileText("even", text);
  Open();
  EXPECT_EQ(Bodies("even").size(), 12U);
  ExpectAgreement();
}

TEST_F(CompressionTest, SoundFramesOfADamagedFileAreServed) {
  Open();
  MakeOldJobOfFourFrames();
  ASSERT_EQ(Compress(), 1);
  Flip("even", 300'000);  // in the second of four frames
  Close();
  Open();
  const std::vector<std::string> left = Bodies("even");
  EXPECT_GT(left.size(), 70U);
  EXPECT_LT(left.size(), 101U);
  EXPECT_THAT(left.front(), HasSubstr("\"m0\""));
  EXPECT_EQ(FileLines("even"), left);
  EXPECT_TRUE(IsPlain("even"));
  EXPECT_EQ(logger_->GetStatus().set_aside.size(), 1U);
}

TEST_F(CompressionTest, WithoutTheirTableTheFramesAreFoundByThemselves) {
  Open();
  MakeOldJobs(500);
  ASSERT_EQ(Compress(), 2);
  const std::vector<std::string> before = Bodies("even");
  Flip("even", -1);  // the magic number of the table
  const std::string odd = ReadAll(ZstPath("odd"));
  WriteZst("odd", odd.substr(0, odd.size() - 20));
  Close();
  Open();
  EXPECT_EQ(Bodies("even"), before);
  EXPECT_EQ(Bodies("odd").size(), before.size());
  EXPECT_EQ(logger_->GetStatus().set_aside.size(), 2U);
  ExpectAgreement();
}

TEST_F(CompressionTest, WithoutTheDatabaseWhatComesBeforeTheDamageIsTaken) {
  Open();
  MakeOldJobOfFourFrames();
  ASSERT_EQ(Compress(), 1);
  const std::vector<std::string> before = Bodies("even");
  Close();
  Flip("even", 300'000);  // in the second of four frames
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  Open();
  const std::vector<std::string> left = Bodies("even");
  ASSERT_GT(left.size(), 20U);
  ASSERT_LT(left.size(), before.size());
  EXPECT_TRUE(std::equal(left.begin(), left.end(), before.begin()));
  EXPECT_EQ(FileLines("even"), left);
}

TEST_F(CompressionTest, ALateEventOfAJobWhoseFileIsDamaged) {
  options_.retention.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  const std::vector<std::string> before = Bodies("even");
  Flip("even", 40);
  const AppendOutcome refused = Log("even", "late", "late-1");
  ASSERT_FALSE(refused) << "nothing is committed to a file that cannot be appended to";
  EXPECT_EQ(refused.error().members[0].second, "\"not_applied\"");
  WaitForRetry();
  ASSERT_TRUE(logger_->GetStatus().writable);
  ASSERT_TRUE(Log("even", "late", "late-1"));
  EXPECT_EQ(Bodies("even").size(), before.size() + 1);
  EXPECT_TRUE(IsPlain("even"));
  ExpectAgreement();
}

TEST_F(CompressionTest, AFullDiskRefusesALateEventAndHoldsUpNobodyElse) {
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  files_.Inject({.operation = Operation::kWrite,
                 .path_contains = ".expanding",
                 .error_number = ENOSPC,
                 .until_healed = true,
                 .torn_bytes = 10});
  std::vector<AppendOutcome> answers;
  const auto answer = [&](AppendOutcome outcome) { answers.push_back(std::move(outcome)); };
  logger_->Append({LogDraft("even", "late")}, nullptr, answer);
  logger_->Append({LogDraft("other", "goes on")}, nullptr, answer);
  logger_->Append({LogDraft("even", "m1", "even-1")}, nullptr, answer);
  logger_->RunOnce(false);
  ASSERT_EQ(answers.size(), 3U);
  ASSERT_FALSE(answers[0]);
  EXPECT_EQ(answers[0].error().code, "journal_unavailable");
  EXPECT_THAT(answers[0].error().detail, HasSubstr("'even'"));
  EXPECT_TRUE(answers[1]);
  ASSERT_TRUE(answers[2]);
  EXPECT_TRUE(answers[2]->front().duplicate);
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_TRUE(IsCompressed("even"));
  EXPECT_FALSE(HasTemporary());
  Close();
  Open();
  files_.Heal();
  EXPECT_TRUE(Log("even", "late"));
  EXPECT_TRUE(IsPlain("even"));
  ExpectAgreement();
}

TEST_F(CompressionTest, DamageThatTrimmingFindsIsFoundOnce) {
  options_.retention.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  Close();
  options_.retention.max_events_per_job = 3;
  Open();
  const auto time = fs::last_write_time(ZstPath("even"));
  std::string bytes = ReadAll(ZstPath("even"));
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(ZstPath("even"), std::ios::binary | std::ios::in)
      .write(bytes.data(), std::ssize(bytes));
  fs::last_write_time(ZstPath("even"), time);
  EXPECT_FALSE(Retain());
  WaitForRetry();
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_EQ(logger_->GetStatus().set_aside.size(), 1U);
  EXPECT_EQ(Drop(), 16);
  ExpectAgreement();
}

TEST_F(CompressionTest, ALinkInItsPlaceIsNotFollowed) {
  options_.retention.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  const std::vector<std::string> before = Everything();
  Close();
  const std::string outside = directory_.Path("outside");
  fs::rename(ZstPath("even"), outside);
  const std::string precious = ReadAll(outside);
  fs::create_symlink(outside, ZstPath("even"));
  fs::create_symlink(outside, CompressingPath(runs_));
  fs::create_symlink(outside, ExpandingPath(runs_));
  Open();
  EXPECT_FALSE(HasTemporary());
  EXPECT_TRUE(IsPlain("even"));
  EXPECT_THAT(logger_->GetStatus().set_aside, ElementsAre(HasSubstr(".zst.diverged-")));
  EXPECT_EQ(Everything(), before);
  fs::create_symlink(outside, CompressingPath(runs_));
  ASSERT_EQ(Compress(), 1);
  EXPECT_EQ(ReadAll(outside), precious);
  ExpectAgreement();
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
  options_.retention.runs_days = 7;
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
  EXPECT_THAT(findings(), Contains("even/events.jsonl: is missing"));
}

TEST_F(CompressionTest, AFullDiskLeavesTheFileAndStopsNobody) {
  Open();
  MakeOldJobs();
  const std::vector<std::string> before = Everything();
  files_.Inject({.operation = Operation::kWrite,
                 .path_contains = ".compressing",
                 .error_number = ENOSPC,
                 .until_healed = true,
                 .torn_bytes = 10});
  EXPECT_EQ(Compress(), 0);
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_TRUE(IsPlain("even"));
  EXPECT_FALSE(HasTemporary());
  EXPECT_TRUE(Log("other", "goes on"));
  files_.Heal();
  EXPECT_EQ(Compress(), 2);
  ExpectAgreement();
}

TEST_F(CompressionTest, WhatIsNotAsItWasWrittenNeverReplacesAnything) {
  Open();
  MakeOldJobs();
  const std::string text = FileText("even");
  // Turn by turn until the temporary file is there; what a bad disk makes of it is found.
  std::optional<Outcome> outcome;
  logger_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
  while (!outcome && !fs::exists(CompressingPath(runs_))) logger_->RunOnce(false);
  logger_->RunOnce(false);
  ASSERT_TRUE(fs::exists(CompressingPath(runs_)));
  std::string bytes = ReadAll(CompressingPath(runs_));
  ASSERT_GT(bytes.size(), 100U);
  bytes[50] ^= 1;
  std::ofstream(CompressingPath(runs_), std::ios::binary | std::ios::in)
      .write(bytes.data(), std::ssize(bytes));
  while (!outcome) logger_->RunOnce(false);
  ASSERT_TRUE(*outcome);
  EXPECT_EQ((*outcome)->jobs_compressed, 1) << "the other one";
  EXPECT_TRUE(IsPlain("even"));
  EXPECT_TRUE(IsCompressed("odd"));
  EXPECT_EQ(FileText("even"), text);
  EXPECT_EQ(Compress(), 1);
}

// Each operation fails in turn; whatever happens, all is there and goes on.
TEST_F(CompressionTest, EachOperationFailsOnceInTurn) {
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    fs::remove_all(runs_);
    Open();
    MakeOldJobs(6);
    const std::vector<std::string> before = Everything();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .error_number = nth % 2 == 0 ? EIO : ENOSPC});
    static_cast<void>(Retain());
    const size_t operations = files_.OperationCount();
    files_.Heal();
    WaitForRetry();
    EXPECT_TRUE(logger_->GetStatus().writable);
    EXPECT_EQ(Everything(), before);
    EXPECT_GE(Compress(), 0);
    EXPECT_TRUE(IsCompressed("even"));
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
    Close();
    Open();
    EXPECT_TRUE(IsCompressed("even"));
    EXPECT_THAT(logger_->GetStatus().set_aside, IsEmpty());
    EXPECT_EQ(Everything(), before);
    Close();
    if (HasFailure() || nth > operations) return;
  }
}

TEST_F(CompressionTest, ThePowerFailsAfterEachOperation) {
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    fs::remove_all(runs_);
    Open();
    MakeOldJobs(6);
    const std::vector<std::string> before = Everything();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    static_cast<void>(Retain());
    const size_t operations = files_.OperationCount();
    files_.Heal();
    Crash(nth % 3 == 0 ? std::optional<uint64_t>() : nth);
    Open();
    EXPECT_THAT(logger_->GetStatus().set_aside, IsEmpty());
    EXPECT_FALSE(HasTemporary());
    EXPECT_TRUE(IsPlain("even") || IsCompressed("even")) << "never both, never none";
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
    EXPECT_GE(Compress(), 0);
    EXPECT_TRUE(IsCompressed("even"));
    EXPECT_TRUE(IsCompressed("odd"));
    EXPECT_EQ(Everything(), before);
    ExpectAgreement();
    Close();
    if (HasFailure() || nth > operations) return;
  }
}

// The late event is acknowledged wherever making the file plain is cut off.
TEST_F(CompressionTest, ThePowerFailsWhileAFileIsMadePlain) {
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    fs::remove_all(runs_);
    Open();
    MakeOldJobs(6);
    ASSERT_EQ(Compress(), 2);
    const std::vector<std::string> before = Bodies("even");
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    const bool is_acknowledged = Log("even", "late", "late").has_value();
    const size_t operations = files_.OperationCount();
    files_.Heal();
    Crash(nth % 3 == 0 ? std::optional<uint64_t>() : nth);
    Open();
    EXPECT_THAT(logger_->GetStatus().set_aside, IsEmpty());
    EXPECT_FALSE(HasTemporary());
    EXPECT_TRUE(IsPlain("even") || IsCompressed("even")) << "never both, never none";
    std::vector<std::string> after = Bodies("even");
    if (is_acknowledged) {
      EXPECT_EQ(after.size(), before.size() + 1);
    }
    after.resize(before.size());
    EXPECT_EQ(after, before);
    ExpectAgreement();
    ASSERT_TRUE(Log("even", "late", "late"));
    EXPECT_EQ(Bodies("even").size(), before.size() + 1);
    ExpectAgreement();
    Close();
    if (HasFailure() || nth > operations) return;
  }
}

}  // namespace
}  // namespace stagelog
