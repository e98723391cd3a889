// Each operation of compressing and of making plain again fails, or is the last before a power cut.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/archive/compression_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

using CompressionFaultTest = CompressionTest;

TEST_F(CompressionFaultTest, AFullDiskDelaysTheFileOfALateEventAndHoldsUpNobodyElse) {
  Open();
  MakeOldJobs();
  ASSERT_EQ(Compress(), 2);
  files_.Inject({.operation = Operation::kWrite,
                 .path_contains = ".expanding",
                 .error_number = ENOSPC,
                 .until_healed = true,
                 .torn_bytes = 10});
  files_.Inject({.operation = Operation::kWrite,
                 .path_contains = "even/events.jsonl.tmp",
                 .error_number = ENOSPC,
                 .until_healed = true});
  std::vector<AppendOutcome> answers;
  const auto answer = [&](AppendOutcome outcome) { answers.push_back(std::move(outcome)); };
  logger_->Append({LogDraft("even", "late")}, std::nullopt, answer);
  logger_->Append({LogDraft("other", "goes on")}, std::nullopt, answer);
  logger_->Append({LogDraft("even", "m1", "even-1")}, std::nullopt, answer);
  logger_->RunOnce(false);
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_TRUE(answers[0]);
  EXPECT_TRUE(logger_->IsFileBehind("even"));
  EXPECT_TRUE(answers[1]);
  ASSERT_TRUE(answers[2]);
  EXPECT_TRUE(answers[2]->front().duplicate);
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_TRUE(IsCompressed("even"));
  EXPECT_FALSE(HasTemporary());
  Close();
  Open();
  EXPECT_TRUE(logger_->IsFileBehind("even"));
  files_.Heal();
  RepairFiles();
  EXPECT_TRUE(IsPlain("even"));
  ExpectAgreement();
}

TEST_F(CompressionFaultTest, AFullDiskLeavesTheFileAndStopsNobody) {
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

// Each operation fails in turn; whatever happens, all is there and goes on.
TEST_F(CompressionFaultTest, EachOperationFailsOnceInTurn) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    MakeOldJobs(6);
    const std::vector<std::string> before = Everything();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .error_number = nth % 2 == 0 ? EIO : ENOSPC});
    static_cast<void>(Retain());
    operations = files_.OperationCount();
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
  });
}

TEST_F(CompressionFaultTest, ThePowerFailsAfterEachOperation) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    MakeOldJobs(6);
    const std::vector<std::string> before = Everything();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    static_cast<void>(Retain());
    operations = files_.OperationCount();
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
  });
}

// The late event is acknowledged wherever making the file plain is cut off.
TEST_F(CompressionFaultTest, ThePowerFailsWhileAFileIsMadePlain) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    MakeOldJobs(6);
    ASSERT_EQ(Compress(), 2);
    const std::vector<std::string> before = Bodies("even");
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    const bool is_acknowledged = Log("even", "late", "late").has_value();
    operations = files_.OperationCount();
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
  });
}

// What it has written would take room on the disk for as long as it is open.
TEST_F(CompressionFaultTest, AFileThatIsGivenUpIsClosed) {
  Open();
  MakeOldJobs();
  std::optional<Outcome> outcome;
  archiver_->RunRetention(false, [&](Outcome answer) { outcome = std::move(answer); });
  while (!outcome && !fs::exists(CompressingPath(runs_))) logger_->RunOnce(false);
  const auto is_open = [this] {
    const std::vector<std::string> names = NamesIn("/proc/self/fd");
    return std::any_of(names.begin(), names.end(), [this](const std::string& name) {
      std::error_code closed_meanwhile;
      const fs::path path = fs::read_symlink("/proc/self/fd/" + name, closed_meanwhile);
      return path.string().starts_with(fs::canonical(runs_).string() + "/.compressing");
    });
  };
  ASSERT_TRUE(is_open());
  files_.Inject({.operation = Operation::kSync, .path_contains = "stagelog.db-wal"});
  ASSERT_FALSE(Log("other", "m"));
  EXPECT_FALSE(HasTemporary());
  EXPECT_FALSE(is_open());
  WaitForRetry();
  EXPECT_EQ(Compress(), 2);
}

}  // namespace
}  // namespace stagelog
