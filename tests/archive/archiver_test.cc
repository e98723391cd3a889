// Whoever asks for retention is answered, whatever becomes of the journal meanwhile.
#include <gmock/gmock.h>

#include "tests/archive/retention_fixture.h"

namespace stagelog {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ArchiverTest : public RetentionTest {
 protected:
  // Two jobs of eleven events each, of which eight may go.
  void MakeWork() {
    AppendToTwo(10);
    clock_.AdvanceMicros(2 * kMicrosPerHour);
  }

  void Ask() {
    archiver_->RunRetention(false, [this](Outcome answer) {
      if (answer) return answers_.push_back("done");
      answers_.push_back(answer.error().code + " " + answer.error().members.front().second);
      details_.push_back(answer.error().detail);
    });
  }

  void FailAnAppend() {
    files_.Inject({.operation = Operation::kSync, .path_contains = "stagelog.db-wal"});
    ASSERT_FALSE(Log("other", "m"));
    files_.Heal();
    ASSERT_FALSE(logger_->GetStatus().writable);
  }

  std::vector<std::string> answers_;
  std::vector<std::string> details_;  // of the refusals
};

TEST_F(ArchiverTest, ACallIsRefusedAtOnceWhileTheJournalIsClosed) {
  Open();
  MakeWork();
  FailAnAppend();
  Ask();
  EXPECT_THAT(answers_, ElementsAre("journal_unavailable \"not_applied\""));
  WaitForRetry();
  EXPECT_EQ(Drop(), 16);
}

TEST_F(ArchiverTest, AFailureAnswersTheCallUnderWayAndThoseBehindIt) {
  Open();
  MakeWork();
  Ask();
  Ask();
  for (int i = 0; i < 3; ++i) logger_->RunOnce(false);
  ASSERT_THAT(answers_, IsEmpty());
  FailAnAppend();
  EXPECT_THAT(answers_,
              ElementsAre("journal_unavailable \"unknown\"", "journal_unavailable \"unknown\""));
  WaitForRetry();
  for (int i = 0; i < 10; ++i) logger_->RunOnce(false);
  EXPECT_THAT(answers_, SizeIs(2)) << "nobody is answered twice";
  EXPECT_EQ(Drop(), 16);
  ExpectAgreement();
}

TEST_F(ArchiverTest, WhoStillWaitsWhenTheDaemonStopsIsTold) {
  Open();
  MakeWork();
  Ask();
  Ask();
  logger_->RunOnce(false);
  logger_->Stop();
  EXPECT_THAT(answers_,
              ElementsAre("journal_unavailable \"unknown\"", "journal_unavailable \"unknown\""));
  EXPECT_THAT(details_, Each(HasSubstr("the daemon is shutting down")));
  Ask();
  ASSERT_THAT(answers_, SizeIs(3));
  EXPECT_EQ(answers_.back(), "shutting_down \"not_applied\"");
  EXPECT_EQ(RowCount(), 22) << "it can wait for the next start";
}

TEST_F(ArchiverTest, APassThatWasDueAndFailedIsTriedAgainAWhileLater) {
  Open();
  MakeWork();
  logger_->RunOnce(false);
  FailAnAppend();
  WaitForRetry();
  ASSERT_TRUE(logger_->GetStatus().writable);
  for (int i = 0; i < 30; ++i) logger_->RunOnce(false);
  EXPECT_EQ(RowCount(), 22) << "not at once";
  clock_.AdvanceMicros(retention_.interval_micros / 10);
  for (int i = 0; i < 30; ++i) logger_->RunOnce(false);
  EXPECT_EQ(RowCount(), 6);
}

TEST_F(ArchiverTest, CallsHaveAPassEachInTheirOrder) {
  Open();
  MakeWork();
  std::vector<int64_t> dropped;
  for (const bool dry_run : {true, false, false}) {
    archiver_->RunRetention(
        dry_run, [&](const Outcome& answer) { dropped.push_back(answer->events_dropped); });
  }
  while (dropped.size() < 3) logger_->RunOnce(false);
  EXPECT_THAT(dropped, ElementsAre(16, 16, 0));
}

}  // namespace
}  // namespace stagelog
