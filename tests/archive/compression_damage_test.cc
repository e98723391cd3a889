// A compressed file that is damaged, or no longer what was written.
#include <gmock/gmock.h>

#include "tests/archive/compression_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

using CompressionDamageTest = CompressionTest;

TEST_F(CompressionDamageTest, WhatSQLiteHasIsWrittenAnewWhereTheFileIsDamaged) {
  retention_.max_events_per_job = 0;
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

TEST_F(CompressionDamageTest, AReaderThatFindsAFrameDamagedSaysSoAndHasTheFileCompared) {
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

TEST_F(CompressionDamageTest, SoundFramesOfADamagedFileAreServed) {
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

TEST_F(CompressionDamageTest, WithoutTheirTableTheFramesAreFoundByThemselves) {
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

TEST_F(CompressionDamageTest, WithoutTheDatabaseWhatComesBeforeTheDamageIsTaken) {
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

TEST_F(CompressionDamageTest, ALateEventOfAJobWhoseFileIsDamaged) {
  retention_.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  const std::vector<std::string> before = Bodies("even");
  Flip("even", 40);
  ASSERT_TRUE(Log("even", "late", "late-1"));
  EXPECT_TRUE(logger_->GetStatus().writable);
  RepairFiles();
  EXPECT_EQ(Bodies("even").size(), before.size() + 1);
  EXPECT_TRUE(IsPlain("even"));
  ExpectAgreement();
}

TEST_F(CompressionDamageTest, DamageThatTrimmingFindsIsFoundOnce) {
  retention_.max_events_per_job = 0;
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  Close();
  retention_.max_events_per_job = 3;
  Open();
  const auto time = fs::last_write_time(ZstPath("even"));
  std::string bytes = ReadAll(ZstPath("even"));
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(ZstPath("even"), std::ios::binary | std::ios::in)
      .write(bytes.data(), std::ssize(bytes));
  fs::last_write_time(ZstPath("even"), time);
  EXPECT_TRUE(Retain());
  RepairFiles();
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_EQ(logger_->GetStatus().set_aside.size(), 1U);
  EXPECT_EQ(Drop(), 8) << "the other job's were dropped at once";
  ExpectAgreement();
}

TEST_F(CompressionDamageTest, ALinkInItsPlaceIsNotFollowed) {
  retention_.max_events_per_job = 0;
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

TEST_F(CompressionDamageTest, WhatIsNotAsItWasWrittenNeverReplacesAnything) {
  Open();
  MakeOldJobs();
  const std::string text = FileText("even");
  // Turn by turn until the temporary file is there; what a bad disk makes of it is found.
  std::optional<Outcome> outcome;
  archiver_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
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

}  // namespace
}  // namespace stagelog
