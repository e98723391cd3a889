// The next group is staged while the one before is committed.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "core/event_codec.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;

class OverlapTest : public JournalTest {
 protected:
  OverlapTest() {
    options_.overlap_bytes = 0;
    options_.group_requests = 2;
  }

  void Push(std::vector<EventDraft> drafts,
            std::optional<Precondition> precondition = std::nullopt) {
    const size_t index = answers_.size();
    answers_.emplace_back();
    logger_->Append(std::move(drafts), std::move(precondition),
                    [this, index](AppendOutcome outcome) { answers_[index] = std::move(outcome); });
  }

  // What became of each request: ok, duplicate, or the code of the refusal with its outcome.
  std::vector<std::string> Answers() const {
    std::vector<std::string> texts;
    for (const std::optional<AppendOutcome>& answer : answers_) {
      if (!answer) {
        texts.push_back("none");
      } else if (!*answer) {
        const Refusal& refusal = answer->error();
        texts.push_back(refusal.code +
                        (refusal.members.empty() ? "" : " " + refusal.members[0].second));
      } else {
        texts.push_back((*answer)->front().duplicate ? "duplicate" : "ok");
      }
    }
    return texts;
  }

  std::vector<std::optional<AppendOutcome>> answers_;
};

TEST_F(OverlapTest, GroupsFollowOneAnother) {
  Open();
  ASSERT_TRUE(Log("a", "first"));
  for (int i = 0; i < 7; ++i) Push({LogDraft("a", std::to_string(i)), LogDraft("a", "and")});
  logger_->RunOnce(false);
  EXPECT_THAT(Answers(), ::testing::Each("ok"));
  EXPECT_EQ(listener_.batches.size(), 1u + 4u) << "one turn, four groups of two and fewer";
  EXPECT_EQ(Bodies("a").size(), 15u);
  ExpectAgreement();
}

TEST_F(OverlapTest, WhatNeedsTheTableWaitsForItAndKeepsItsPlace) {
  Open();
  ASSERT_TRUE(Log("a", "first", "id-1"));
  EventDraft pause = TypedDraft("a", "gate_pause");  // the job's fourth event
  pause.gate = "g";
  const GateStillPending sees_the_fourth{"a", "g", 4};
  Push({LogDraft("a", "second")});
  Push({LogDraft("a", "third", "id-3")});
  Push({pause});
  Push({LogDraft("a", "fifth")}, sees_the_fourth);
  Push({LogDraft("a", "third", "id-3")});
  Push({LogDraft("a", "other", "id-3")});
  Push({LogDraft("b", "a job that nobody knows")});
  Push({LogDraft("a", "first", "id-1")});
  while (answers_.back() == std::nullopt) logger_->RunOnce(false);
  EXPECT_THAT(Answers(), ElementsAre("ok", "ok", "ok", "ok", "duplicate", "event_id_conflict", "ok",
                                     "duplicate"));
  EXPECT_EQ(Bodies("a").size(), 5u);
  ExpectAgreement();
}

TEST_F(OverlapTest, AFailedCommitTakesTheNextGroupWithIt) {
  Open();
  ASSERT_TRUE(Log("a", "0"));
  files_.Inject({.operation = Operation::kSync, .path_contains = "stagelog.db-wal"});
  for (int i = 1; i <= 5; ++i) Push({LogDraft("a", std::to_string(i))});
  logger_->RunOnce(false);
  EXPECT_THAT(Answers(),
              ElementsAre("journal_unavailable \"unknown\"", "journal_unavailable \"unknown\"",
                          "journal_unavailable \"not_applied\"",
                          "journal_unavailable \"not_applied\"", "none"));
  logger_->RunOnce(false);
  EXPECT_EQ(Answers().back(), "journal_unavailable \"not_applied\"") << "it still waited";
  WaitForRetry();
  EXPECT_TRUE(Log("a", "after"));
  for (const std::string& body : Bodies("a")) {
    EXPECT_THAT(std::string(ViewEvent(body).message), ::testing::AnyOf("0", "1", "2", "after"));
  }
  ExpectAgreement();
}

// The group after it is committed by then. Its lines wait for those that are missing.
TEST_F(OverlapTest, AFailedFileHoldsUpNoCommit) {
  Open();
  ASSERT_TRUE(Log("a", "0"));
  files_.Inject({.operation = Operation::kWrite, .path_contains = "events.jsonl"});
  for (int i = 1; i <= 6; ++i) Push({LogDraft("a", std::to_string(i))});
  logger_->RunOnce(false);
  EXPECT_THAT(Answers(), ElementsAre("ok", "ok", "ok", "ok", "ok", "ok"));
  EXPECT_EQ(Bodies("a").size(), 7u);
  EXPECT_THAT(listener_.Seqs(), ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_TRUE(Log("a", "after"));
  ExpectAgreement();
}

TEST_F(OverlapTest, ThreadsOfAllKinds) {
  for (int i = 0; i < 3; ++i) {
    options_.group_requests = size_t{1} << (i * 4);
    Open();
    logger_->Start();
    constexpr int kThreads = 4;
    constexpr int kEach = 150;
    std::atomic<int> acknowledged = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int n = 0; n < kEach; ++n) {
          const std::string id = n % 7 == 0 ? "id-" + std::to_string(i * kEach + n / 2) : "";
          const std::string job = "job-" + std::to_string(n % 10 == 0 ? n : t % 2);
          logger_->Append({LogDraft(job, id)}, std::nullopt, [&](const AppendOutcome& outcome) {
            if (outcome) ++acknowledged;
          });
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    logger_->Stop();
    EXPECT_EQ(acknowledged, kThreads * kEach);
    ExpectAgreement();
    const std::vector<int64_t> seqs = listener_.Seqs();
    for (size_t k = 1; k < seqs.size(); ++k) ASSERT_EQ(seqs[k], seqs[k - 1] + 1);
    Close();
  }
}

}  // namespace
}  // namespace stagelog
