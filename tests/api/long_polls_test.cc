#include "api/long_polls.h"

#include <gmock/gmock.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Stands for the request loop: tasks and timers run when the test says so.
class LongPollsTest : public ::testing::Test {
 protected:
  LongPollsTest() {
    polls_.Connect(
        [this](std::function<void()> task) { tasks_.push_back(std::move(task)); },
        [this](int64_t at, std::function<void()> task) { timers_.emplace(at, std::move(task)); });
  }

  void RunTasks() {
    while (!tasks_.empty()) {
      const auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

  void RunTimersUntil(int64_t micros) {
    while (!timers_.empty() && timers_.begin()->first <= micros) {
      const auto task = std::move(timers_.begin()->second);
      timers_.erase(timers_.begin());
      task();
    }
  }

  void Park(const std::string& name, std::optional<std::string> job_id, int64_t scanned_through,
            std::shared_ptr<const std::atomic<bool>> canceled = nullptr) {
    ParkedPoll poll;
    poll.canceled = std::move(canceled);
    poll.job_id = std::move(job_id);
    poll.scanned_through = scanned_through;
    poll.deadline_micros = 1'000;
    poll.wake = [this, name](bool came) { woken_.push_back(name + (came ? " came" : " timeout")); };
    polls_.Park(std::move(poll));
    RunTasks();
  }

  void Commit(int64_t seq, const std::string& job_id) {
    auto batch = std::make_shared<CommittedBatch>();
    batch->events.push_back({seq, EventType::kLog, job_id, "{\"type\":\"log\"}", false});
    polls_.OnCommit(batch);
  }

  LongPolls polls_;
  std::deque<std::function<void()>> tasks_;
  std::multimap<int64_t, std::function<void()>> timers_;
  std::vector<std::string> woken_;
};

TEST_F(LongPollsTest, WakesThoseWhomAnEventConcerns) {
  Park("a", "a", 0);
  Park("b", "b", 0);
  Park("all", std::nullopt, 0);
  Commit(1, "a");
  RunTasks();
  EXPECT_THAT(woken_, testing::UnorderedElementsAre("a came", "all came"));
  RunTimersUntil(1'000);
  EXPECT_EQ(woken_.back(), "b timeout");
  EXPECT_EQ(woken_.size(), 3u) << "each is woken once";
}

TEST_F(LongPollsTest, ACommitBetweenLookingAndParkingIsNotMissed) {
  Commit(5, "a");
  Park("a", "a", 4);
  EXPECT_THAT(woken_, ElementsAre("a came"));
}

TEST_F(LongPollsTest, ACommitThatWasSeenDoesNotWake) {
  Park("a", "a", 5);
  Commit(5, "a");
  RunTasks();
  EXPECT_THAT(woken_, IsEmpty());
  Commit(6, "a");
  RunTasks();
  EXPECT_THAT(woken_, ElementsAre("a came"));
}

TEST_F(LongPollsTest, MatchingIsDoneInSlices) {
  for (int i = 0; i < 50; ++i) Park("b" + std::to_string(i), "b", 0);
  Park("a", "a", 0);
  auto batch = std::make_shared<CommittedBatch>();
  for (int64_t seq = 1; seq <= 5'000; ++seq) {
    batch->events.push_back({seq, EventType::kLog, "a", "{\"type\":\"log\"}", false});
  }
  polls_.OnCommit(batch);
  int tasks = 0;
  for (; !tasks_.empty(); ++tasks) {
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
  }
  EXPECT_GT(tasks, 10) << "the loop gets on with its other work in between";
  EXPECT_THAT(woken_, ElementsAre("a came"));
}

TEST_F(LongPollsTest, PollsOfClientsThatHaveGoneAreForgotten) {
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  Park("stays", "a", 0);
  for (size_t i = 0; i < 10 * LongPolls::kForgetAtLeast; ++i) {
    *gone = true;
    Park("gone", "a", 0, gone);
    ASSERT_LE(polls_.parked_count(), LongPolls::kForgetAtLeast + 1);
  }
  Commit(1, "a");
  RunTasks();
  EXPECT_THAT(woken_, ElementsAre("stays came"));
  EXPECT_EQ(polls_.parked_count(), 0u);
}

TEST_F(LongPollsTest, NobodyParkedCostsNoTask) {
  Commit(1, "a");
  EXPECT_THAT(tasks_, IsEmpty());
}

TEST_F(LongPollsTest, ReleaseOfTheParkedAnswersThemAndNoLaterOnes) {
  Park("a", "a", 0);
  Park("b", "a", 0);
  polls_.ReleaseParked();
  RunTasks();
  EXPECT_THAT(woken_, testing::UnorderedElementsAre("a timeout", "b timeout"));
  Park("late", "a", 0);
  EXPECT_EQ(polls_.parked_count(), 1u);
}

TEST_F(LongPollsTest, ReleaseAnswersAllAndLaterOnesAtOnce) {
  Park("a", "a", 0);
  polls_.ReleaseAll();
  RunTasks();
  EXPECT_THAT(woken_, ElementsAre("a timeout"));
  Park("late", "a", 0);
  EXPECT_EQ(woken_.back(), "late timeout");
}

}  // namespace
}  // namespace stagelog
