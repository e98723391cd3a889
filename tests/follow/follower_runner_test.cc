#include "follow/follower_runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/logging.h"
#include "tests/follow/follow_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/manual_clock.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr RetryPauses kGrowing = {.first_micros = kSecond, .longest_micros = 60 * kSecond};

// Safe from any thread, but for `next`, `outcome` and `is_woken_by_commits`, which stay as they are
// while a thread runs.
class FakeTask : public FollowerTask {
 public:
  std::string_view name() const override { return "fake"; }

  bool Note(const CommittedBatchPointer& batch) override {
    AddNote(std::to_string(batch->events.front().seq) + "-" +
            std::to_string(batch->events.back().seq));
    return is_woken_by_commits;
  }
  bool NoteDeletion(const std::string& job_id, int64_t seq) override {
    AddNote("no " + job_id + " at " + std::to_string(seq));
    return is_woken_by_commits;
  }

  WorkTime NextWork() override {
    ++asked_;
    return has_news_ ? WorkTime{.boot_micros = WorkTime::kAtOnce} : next;
  }

  Result<TurnOutcome> Work(const Turn& turn) override {
    has_news_ = false;
    const std::lock_guard lock(mutex_);
    wake_ = turn.wake;
    is_retry_.push_back(turn.is_retry);
    return outcome;
  }

  int64_t DoneThrough() const override { return done_through; }
  void Finish() override { ++finished_; }

  // As an answer that it has waited for.
  void OnAnswer() {
    has_news_ = true;
    wake()();
  }

  std::function<void()> wake() const {
    const std::lock_guard lock(mutex_);
    return wake_;
  }
  std::vector<std::string> notes() const {
    const std::lock_guard lock(mutex_);
    return notes_;
  }
  // Of each turn: was it a retry?
  std::vector<bool> turns() const {
    const std::lock_guard lock(mutex_);
    return is_retry_;
  }
  int asked() const { return asked_; }
  int finished() const { return finished_; }

  WorkTime next;
  Result<TurnOutcome> outcome;
  bool is_woken_by_commits = false;
  std::atomic<int64_t> done_through{0};

 private:
  void AddNote(std::string note) {
    if (is_woken_by_commits) has_news_ = true;
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(note));
  }

  std::atomic<bool> has_news_{false};
  std::atomic<int> asked_{0};
  std::atomic<int> finished_{0};
  mutable std::mutex mutex_;
  std::function<void()> wake_;  // guarded by mutex_, as is all that follows
  std::vector<std::string> notes_;
  std::vector<bool> is_retry_;
};

class FollowerRunnerTest : public testing::Test {
 protected:
  FollowerRunnerTest() {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
    spdlog::default_logger()->set_pattern("%l %v");
  }
  ~FollowerRunnerTest() override { spdlog::set_default_logger(before_); }

  void Open(RetryPauses pauses = kGrowing) { Open(clock_, pauses); }
  void Open(Clock& clock, RetryPauses pauses) {
    auto task = std::make_unique<FakeTask>();
    task_ = task.get();
    runner_ = std::make_unique<FollowerRunner>(std::move(task), log_, clock, pauses);
    log_.SetListener(runner_.get());
  }

  // Takes the turns that are due, and returns how many; fails the test if there is no end of them.
  size_t Settle() {
    const size_t before = task_->turns().size();
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(runner_->RunOnce(/*may_wait=*/false));
    const size_t turns = task_->turns().size() - before;
    EXPECT_LT(turns, 20U);
    return turns;
  }

  size_t Wait(int64_t micros) {
    clock_.AdvanceMicros(micros);
    return Settle();
  }

  // What is committed, or has come back, has to be worked on.
  size_t WorkOnNews() {
    task_->is_woken_by_commits = true;
    log_.Commit("a", "log");
    return Settle();
  }

  // From a failure to the next turn, in steps of a hundredth of a second; at most an hour.
  int64_t PauseMicros() {
    constexpr int64_t kStep = kSecond / 100;
    int64_t waited = 0;
    for (size_t turns = 0; turns == 0 && waited < kMicrosPerHour; waited += kStep) {
      turns = Wait(kStep);
    }
    return waited;
  }

  std::string Problem() { return runner_->GetFollowerStatus().problem; }
  int64_t Lag() { return runner_->GetFollowerStatus().lag_events; }

  // What was logged since the last call.
  std::string Logged() { return std::exchange(text_, std::ostringstream()).str(); }

  // Gives the other thread time until it is so; false when it never was.
  static bool Becomes(const std::function<bool()>& holds) {
    const Deadline deadline(std::chrono::seconds(20));
    while (!holds() && !deadline.Passed()) std::this_thread::yield();
    return holds();
  }

  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
  ManualClock clock_;
  FakeLog log_{clock_};
  std::unique_ptr<FollowerRunner> runner_;
  FakeTask* task_ = nullptr;
};

TEST_F(FollowerRunnerTest, TheTaskIsToldInTheOrderOfTheLog) {
  Open();
  log_.Commit({DraftOf("a", "log"), DraftOf("b", "log")});
  log_.Delete("a");
  log_.Commit("b", "log");
  log_.Delete("b");
  EXPECT_THAT(task_->notes(), ElementsAre("1-2", "no a at 3", "4-4", "no b at 5"));
}

TEST_F(FollowerRunnerTest, WorksWhenItsTimeHasComeAndNotBefore) {
  Open();
  EXPECT_EQ(Settle(), 0U);
  task_->next.boot_micros = clock_.BootMicros() + kSecond;
  EXPECT_EQ(Wait(kSecond - 1), 0U);
  clock_.AdvanceMicros(1);
  EXPECT_TRUE(runner_->RunOnce(/*may_wait=*/false));
  EXPECT_THAT(task_->turns(), ElementsAre(false));
}

TEST_F(FollowerRunnerTest, EitherClockWillDo) {
  Open();
  task_->next.wall_micros = clock_.WallMicros() + kSecond;
  EXPECT_EQ(Settle(), 0U);
  clock_.SetWallForward(kSecond);
  EXPECT_TRUE(runner_->RunOnce(/*may_wait=*/false));
  EXPECT_THAT(task_->turns(), ElementsAre(false));
}

TEST_F(FollowerRunnerTest, WorksOnWhatIsCommittedAndDeleted) {
  Open();
  task_->is_woken_by_commits = true;
  log_.Commit("a", "log");
  EXPECT_EQ(Settle(), 1U);
  log_.Delete("a");
  EXPECT_EQ(Settle(), 1U);
  EXPECT_EQ(Settle(), 0U);
}

TEST_F(FollowerRunnerTest, PausesGrowToTheLongestAndStartAgainAfterSuccess) {
  Open();
  for (int outage = 0; outage < 2; ++outage) {
    task_->outcome = Failure("no route");
    ASSERT_EQ(WorkOnNews(), 1U);
    for (const int64_t seconds : {1, 2, 4, 8, 16, 32, 60, 60, 60}) {
      const int64_t pause = seconds * kSecond;
      EXPECT_EQ(Wait(pause / 2 - 1), 0U) << seconds;
      EXPECT_EQ(Wait(pause - pause / 2 + 1), 1U) << seconds;
      EXPECT_TRUE(task_->turns().back()) << "a retry";
    }
    task_->outcome = TurnOutcome{};
    EXPECT_EQ(Wait(60 * kSecond), 1U);
    EXPECT_EQ(Wait(kMicrosPerHour), 0U);
  }
}

TEST_F(FollowerRunnerTest, PausesThatGrowAreNotTheSameForEverybody) {
  Open({.first_micros = 30 * kSecond, .longest_micros = 60 * kSecond});
  task_->outcome = Failure("no route");
  ASSERT_EQ(WorkOnNews(), 1U);
  PauseMicros();
  std::set<int64_t> pauses;
  for (int i = 0; i < 20; ++i) pauses.insert(PauseMicros());
  EXPECT_GT(pauses.size(), 5U);
  EXPECT_GE(*pauses.begin(), 30 * kSecond);
  EXPECT_LE(*pauses.rbegin(), 60 * kSecond);
}

TEST_F(FollowerRunnerTest, PausesThatDoNotGrowAreExact) {
  Open(RetryPauses());
  task_->outcome = Failure("no route");
  ASSERT_EQ(WorkOnNews(), 1U);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Wait(kSecond - 1), 0U);
    EXPECT_EQ(Wait(1), 1U);
  }
}

TEST_F(FollowerRunnerTest, NothingShortensThePauseAfterAFailure) {
  Open();
  task_->outcome = Failure("no route");
  task_->next = {.boot_micros = WorkTime::kAtOnce, .wall_micros = WorkTime::kAtOnce};
  task_->is_woken_by_commits = true;
  EXPECT_EQ(Settle(), 1U);
  for (int i = 0; i < 100; ++i) {
    log_.Commit("a", "log");
    task_->OnAnswer();
    EXPECT_EQ(Settle(), 0U);
  }
  EXPECT_EQ(Wait(kSecond), 1U);
}

TEST_F(FollowerRunnerTest, WhatIsUnderWayIsNeitherAFailureNorASuccess) {
  Open();
  task_->outcome = Failure("refused");
  ASSERT_EQ(WorkOnNews(), 1U);
  task_->outcome = TurnOutcome{.is_under_way = true};
  ASSERT_EQ(Wait(kSecond), 1U);
  EXPECT_EQ(Problem(), "refused");
  EXPECT_EQ(Wait(kMicrosPerHour), 0U) << "its answer is waited for";
  task_->outcome = Failure("refused again");
  task_->OnAnswer();
  EXPECT_EQ(Settle(), 1U);
  EXPECT_EQ(Problem(), "refused again");
  EXPECT_EQ(Wait(kSecond - 1), 0U) << "the pauses go on growing";
  EXPECT_EQ(Wait(kSecond + 1), 1U);
  task_->outcome = TurnOutcome{};
  EXPECT_EQ(Wait(4 * kSecond), 1U);
  EXPECT_EQ(Problem(), "");
}

TEST_F(FollowerRunnerTest, APartThatFailsIsTriedAgainWhileTheRestGoesOn) {
  Open(RetryPauses());
  task_->outcome = TurnOutcome{.problem = "a part"};
  ASSERT_EQ(WorkOnNews(), 1U);
  EXPECT_EQ(Problem(), "a part");
  for (int i = 0; i < 9; ++i) {
    clock_.AdvanceMicros(kSecond / 10);
    EXPECT_EQ(WorkOnNews(), 1U);
    EXPECT_FALSE(task_->turns().back()) << "its pause is not over";
  }
  EXPECT_EQ(Wait(kSecond / 10), 1U);
  EXPECT_TRUE(task_->turns().back());
  EXPECT_EQ(Wait(kSecond - 1), 0U);
  task_->outcome = TurnOutcome{};
  EXPECT_EQ(Wait(1), 1U);
  EXPECT_EQ(Problem(), "");
  EXPECT_EQ(Wait(kMicrosPerHour), 0U);
}

TEST_F(FollowerRunnerTest, ShowsHowFarItHasComeAndWhatKeepsIt) {
  Open();
  for (int i = 0; i < 5; ++i) log_.Commit("a", "log");
  log_.Delete("a");
  FollowerStatus status = runner_->GetFollowerStatus();
  EXPECT_EQ(status.name, "fake");
  EXPECT_EQ(status.lag_events, 6);
  EXPECT_EQ(status.problem, "");
  task_->outcome = Failure("no route");
  WorkOnNews();
  task_->done_through = 4;
  EXPECT_EQ(Lag(), 3);
  EXPECT_EQ(Problem(), "no route");
  task_->outcome = TurnOutcome{};
  Wait(kSecond);
  EXPECT_EQ(Problem(), "");
  task_->done_through = INT64_MAX;
  EXPECT_EQ(Lag(), 0);
}

TEST_F(FollowerRunnerTest, AnOutageIsLoggedWhenItBeginsAndWhenItEnds) {
  Open();
  task_->outcome = Failure("no route");
  ASSERT_EQ(WorkOnNews(), 1U);
  EXPECT_EQ(Logged(),
            "warning [follow] fake cannot go on: no route; retrying after 1 s, and ever later up "
            "to 60 s\n");
  task_->outcome = Failure("another reason");
  ASSERT_EQ(Wait(kSecond), 1U);
  task_->outcome = TurnOutcome{.is_under_way = true};
  ASSERT_EQ(Wait(2 * kSecond), 1U);
  EXPECT_EQ(Logged(), "");
  task_->outcome = TurnOutcome{};
  task_->OnAnswer();
  ASSERT_EQ(Settle(), 1U);
  EXPECT_EQ(Logged(), "info [follow] fake has recovered after 3 s\n");
  WorkOnNews();
  EXPECT_EQ(Logged(), "");
  task_->outcome = Failure("once more");
  WorkOnNews();
  EXPECT_THAT(Logged(), HasSubstr("once more"));
}

TEST_F(FollowerRunnerTest, APartThatFailsIsTheTasksToLog) {
  Open(RetryPauses());
  task_->outcome = TurnOutcome{.problem = "a part"};
  ASSERT_EQ(WorkOnNews(), 1U);
  EXPECT_EQ(Logged(), "");
  task_->outcome = Failure("all of it");
  ASSERT_EQ(Wait(kSecond), 1U);
  EXPECT_EQ(Logged(), "warning [follow] fake cannot go on: all of it; retrying every 1 s\n");
  task_->outcome = TurnOutcome{};
  ASSERT_EQ(Wait(kSecond), 1U);
  EXPECT_EQ(Logged(), "info [follow] fake has recovered after 2 s\n");
}

TEST_F(FollowerRunnerTest, StopsOnceAlsoWithoutAStart) {
  Open();
  runner_->Stop();
  runner_->Stop();
  EXPECT_EQ(task_->finished(), 1);
  EXPECT_FALSE(runner_->RunOnce());
  EXPECT_THAT(task_->turns(), IsEmpty());
}

// The thread, on the machine's own clock.

TEST_F(FollowerRunnerTest, TheThreadSleepsUntilItsTime) {
  Open(SystemClock(), kGrowing);
  task_->next.boot_micros = SystemClock().BootMicros() + kSecond / 10;
  task_->outcome = TurnOutcome{.is_under_way = true};
  runner_->Start("fake");
  EXPECT_TRUE(Becomes([this] { return !task_->turns().empty(); }));
  runner_->Stop();
  EXPECT_EQ(task_->finished(), 1);
}

TEST_F(FollowerRunnerTest, TheThreadIsWokenOnlyIfTheTaskSaysSo) {
  Open(SystemClock(), kGrowing);
  runner_->Start("fake");
  ASSERT_TRUE(Becomes([this] { return task_->asked() > 0; }));
  for (int i = 0; i < 10'000; ++i) log_.Commit("a", "log");
  log_.SetListener(nullptr);
  runner_->Stop();
  EXPECT_LT(task_->asked(), 100);
  EXPECT_THAT(task_->turns(), IsEmpty());

  Open(SystemClock(), kGrowing);
  task_->is_woken_by_commits = true;
  runner_->Start("fake");
  ASSERT_TRUE(Becomes([this] { return task_->asked() > 0; }));
  log_.Commit("a", "log");
  EXPECT_TRUE(Becomes([this] { return !task_->turns().empty(); }));
}

TEST_F(FollowerRunnerTest, AnAnswerWakesTheThreadAndHarmsNobodyWhenItComesTooLate) {
  Open(SystemClock(), kGrowing);
  task_->is_woken_by_commits = true;
  runner_->Start("fake");
  log_.Commit("a", "log");
  ASSERT_TRUE(Becomes([this] { return task_->turns().size() == 1; }));
  task_->OnAnswer();
  EXPECT_TRUE(Becomes([this] { return task_->turns().size() == 2; }));
  const std::function<void()> wake = task_->wake();
  log_.SetListener(nullptr);
  runner_.reset();
  wake();
}

TEST_F(FollowerRunnerTest, StopsInAPause) {
  Open(SystemClock(), {.first_micros = kMicrosPerHour, .longest_micros = kMicrosPerHour});
  task_->outcome = Failure("no route");
  task_->next.boot_micros = WorkTime::kAtOnce;
  runner_->Start("fake");
  ASSERT_TRUE(Becomes([this] { return !task_->turns().empty(); }));
  runner_->Stop();
  EXPECT_EQ(task_->finished(), 1);
  EXPECT_THAT(task_->turns(), SizeIs(1));
}

}  // namespace
}  // namespace stagelog
