// What can wait is done in slices between two groups of appends, and gives way to what cannot.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>

#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Says in `steps` when it had a slice.
class ScriptedTask : public MaintenanceTask {
 public:
  ScriptedTask(std::string name, ManualClock& clock, std::vector<std::string>& steps)
      : name_(std::move(name)), clock_(clock), steps_(steps) {}

  bool HasWork() const override {
    if (on_look) std::exchange(on_look, nullptr)();
    return work > 0 || clock_.MonotonicMicros() >= due_micros;
  }
  int64_t NextDueMicros() const override { return due_micros; }
  Status Step(WriterAccess& access) override {
    if (work > 0) --work;
    due_micros = INT64_MAX;
    steps_.push_back(name_);
    return on_step ? on_step(access) : Status();
  }
  void Abandon(const std::string& problem) override {
    work = 0;
    problems.push_back(problem);
  }

  std::atomic<int> work{0};  // slices
  std::atomic<int64_t> due_micros{INT64_MAX};
  std::function<Status(WriterAccess&)> on_step;
  mutable std::function<void()> on_look;  // once
  std::vector<std::string> problems;      // for which it was abandoned

 private:
  const std::string name_;
  ManualClock& clock_;
  std::vector<std::string>& steps_;
};

class MaintenanceTest : public JournalTest {
 protected:
  ~MaintenanceTest() override { Close(); }

  void OpenWithTasks() {
    Open();
    logger_->AddMaintenance(&first_);
    logger_->AddMaintenance(&second_);
  }

  std::vector<std::string> steps_;
  ScriptedTask first_{"first", clock_, steps_};
  ScriptedTask second_{"second", clock_, steps_};
};

TEST_F(MaintenanceTest, OneSliceATurnAndTheFirstTaskFirst) {
  OpenWithTasks();
  second_.work = 2;
  logger_->RunOnce(false);
  first_.work = 2;
  EXPECT_THAT(steps_, ElementsAre("second"));
  ASSERT_TRUE(Log("job", "m"));
  EXPECT_THAT(steps_, ElementsAre("second", "first"));
  for (int i = 0; i < 5; ++i) logger_->RunOnce(false);
  EXPECT_THAT(steps_, ElementsAre("second", "first", "first", "second"));
  EXPECT_THAT(first_.problems, IsEmpty());
}

TEST_F(MaintenanceTest, DeletionsComeFirst) {
  OpenWithTasks();
  ASSERT_TRUE(Log("job", "m"));
  first_.work = 1;
  bool is_gone = false;
  bool was_gone = false;
  logger_->DeleteJob("job", "tester", [&](const auto& outcome) { is_gone = outcome.has_value(); });
  first_.on_step = [&](WriterAccess&) {
    was_gone = is_gone;
    return Status();
  };
  while (steps_.empty()) logger_->RunOnce(false);
  EXPECT_TRUE(was_gone);
}

TEST_F(MaintenanceTest, AFailedSliceHasTheJournalReopened) {
  for (const bool throws : {false, true}) {
    SCOPED_TRACE(throws ? "an exception" : "a value");
    OpenWithTasks();
    first_.work = second_.work = 3;
    first_.on_step = [&](WriterAccess&) -> Status {
      if (throws) throw SQLite::Exception("no such luck");
      return Failure("no such luck");
    };
    logger_->RunOnce(false);
    EXPECT_FALSE(logger_->GetStatus().writable);
    EXPECT_EQ(logger_->GetStatus().problem, "no such luck");
    const std::optional<Refusal> refusal = logger_->GetRefusal();
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, "journal_unavailable");
    EXPECT_THAT(first_.problems, ElementsAre("no such luck"));
    EXPECT_THAT(second_.problems, ElementsAre("no such luck"));
    EXPECT_THAT(steps_, ElementsAre("first"));
    second_.work = 1;
    logger_->RunOnce(false);
    EXPECT_THAT(steps_, ElementsAre("first")) << "no slice of a closed journal";
    WaitForRetry();
    EXPECT_FALSE(logger_->GetRefusal());
    EXPECT_TRUE(Log("job", "m"));
    Close();
    first_.problems.clear();
    second_.problems.clear();
    steps_.clear();
  }
}

TEST_F(MaintenanceTest, ATransactionThatASliceLeavesOpenIsRolledBack) {
  OpenWithTasks();
  ASSERT_TRUE(Log("job", "m"));
  first_.work = 1;
  first_.on_step = [](WriterAccess& access) {
    const JobState* job = access.FindJob("job");
    access.table().Begin();
    access.table().DeleteJobRows(job->first_seq);
    return Status(Failure("no such luck"));
  };
  logger_->RunOnce(false);
  WaitForRetry();
  EXPECT_TRUE(Log("job", "and on"));
  ExpectAgreement();
}

TEST_F(MaintenanceTest, ItIsAbandonedWhenTheJournalStops) {
  OpenWithTasks();
  first_.work = 5;
  logger_->Stop();
  EXPECT_THAT(steps_, IsEmpty());
  EXPECT_THAT(first_.problems, ElementsAre("the daemon is shutting down"));
  ASSERT_TRUE(logger_->GetRefusal());
  EXPECT_EQ(logger_->GetRefusal()->code, "shutting_down");
}

// The writer has just seen that nothing is to be done when the request and the order to stop come.
TEST_F(MaintenanceTest, ARequestJustBeforeTheOrderToStopIsAnswered) {
  for (int round = 0; round < 20; ++round) {
    std::filesystem::remove_all(runs_);
    OpenWithTasks();
    ASSERT_TRUE(Log("job", "m"));
    bool is_gone = false;
    std::thread stopper;
    first_.on_look = [&] {
      logger_->DeleteJob("job", "tester", [&](const auto& gone) { is_gone = gone.has_value(); });
      stopper = std::thread([this] { logger_->Stop(); });
      while (!logger_->GetRefusal()) std::this_thread::yield();
    };
    logger_->RunOnce(false);
    stopper.join();
    ASSERT_TRUE(is_gone) << "round " << round;
    Close();
  }
}

TEST_F(MaintenanceTest, TheWriterWakesWhenATaskIsDue) {
  OpenWithTasks();
  std::promise<void> done;
  first_.on_step = [&](WriterAccess&) {
    done.set_value();
    return Status();
  };
  first_.due_micros = 20'000;
  logger_->Start();
  clock_.AdvanceMicros(20'000);
  done.get_future().get();
  logger_->Stop();
}

TEST_F(MaintenanceTest, TheWriterWakesWhenATaskAsksForIt) {
  OpenWithTasks();
  std::promise<void> done;
  first_.on_step = [&](WriterAccess&) {
    done.set_value();
    return Status();
  };
  logger_->Start();
  first_.work = 1;
  logger_->WakeWriter();
  done.get_future().get();
  logger_->Stop();
}

}  // namespace
}  // namespace stagelog
