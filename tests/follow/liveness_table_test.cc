#include "follow/liveness_table.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/follow/follow_fixture.h"
#include "tests/support/manual_clock.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

constexpr int64_t kHour = 3'600 * kSecond;

class LivenessTableTest : public testing::Test {
 protected:
  LivenessTableTest() { log_.SetListener(&table_); }

  void Wait(int64_t micros) { clock_.AdvanceMicros(micros); }

  void Beat(const std::string& job_id, int count) {
    for (int i = 0; i < count; ++i) {
      Wait(10 * kSecond);
      table_.OnHeartbeat(job_id, 0);
    }
  }

  // What becomes of a worker that was lost when this event of its job is committed.
  Liveness AfterEvent(const std::string& type) {
    LivenessTable table(clock_);
    log_.SetListener(&table);
    const std::string job_id = "job-" + type;
    log_.Commit({DraftOf(job_id, "job_started"), DraftOf(job_id, "gate_pause", "g")});
    for (int i = 0; i < 3; ++i) {
      Wait(10 * kSecond);
      table.OnHeartbeat(job_id, 0);
    }
    Wait(100 * kSecond);
    EXPECT_EQ(table.GetLiveness(job_id), Liveness::kLost);
    log_.Commit(job_id, type, type.starts_with("gate") ? "g" : "");
    log_.SetListener(&table_);
    return table.GetLiveness(job_id);
  }

  ManualClock clock_;
  FakeLog log_{clock_};
  LivenessTable table_{clock_, 3};
};

TEST_F(LivenessTableTest, KnowsNothingOfAJobThatWasNeverHeardOf) {
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kUnknown);
}

TEST_F(LivenessTableTest, FollowsTheHeartbeatsOfEachJob) {
  Beat("a", 3);
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kOk);
  EXPECT_EQ(table_.GetLiveness("b"), Liveness::kUnknown);
  Wait(20 * kSecond);
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kLate);
  Wait(20 * kSecond);
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kLost);
}

TEST_F(LivenessTableTest, AWorkerThatDeclaresItsIntervalIsLostAfterThreeOfThem) {
  log_.Commit("a", "job_started");
  table_.OnHeartbeat("a", 5 * kSecond);
  Wait(7 * kSecond);
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kOk);
  Wait(11 * kSecond);
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kLost);
}

TEST_F(LivenessTableTest, AWorkersEventsAreSignsOfLife) {
  for (const char* type : {"log", "stage_progress", "gate_pause", "job_resumed"}) {
    EXPECT_EQ(AfterEvent(type), Liveness::kOk) << type;
  }
}

TEST_F(LivenessTableTest, DecisionsOnGatesAreNot) {
  for (const char* type :
       {"gate_approved", "gate_rejected", "gate_auto_approved", "gate_expired"}) {
    EXPECT_EQ(AfterEvent(type), Liveness::kLost) << type;
  }
}

TEST_F(LivenessTableTest, ForgetsAJobThatIsOver) {
  for (const char* type : {"job_completed", "job_failed", "job_canceled"}) {
    EXPECT_EQ(AfterEvent(type), Liveness::kUnknown) << type;
  }
}

TEST_F(LivenessTableTest, ForgetsAJobThatIsDeleted) {
  Beat("a", 3);
  table_.OnJobDeleted("a", 9);
  table_.OnJobDeleted("never heard of", 10);
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kUnknown);
  for (const char* job : {"b", "c", "d"}) table_.OnHeartbeat(job, 0);
  EXPECT_EQ(table_.GetLiveness("d"), Liveness::kOk) << "it has made room";
}

TEST_F(LivenessTableTest, HearsOfAJobThatIsResumed) {
  log_.Commit({DraftOf("a", "job_started"), DraftOf("a", "job_failed")});
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kUnknown);
  log_.Commit("a", "job_resumed");
  EXPECT_EQ(table_.GetLiveness("a"), Liveness::kOk);
}

TEST_F(LivenessTableTest, AFullTableRefusesNewJobsAndKeepsTheOldOnes) {
  for (const char* job : {"a", "b", "c", "d"}) table_.OnHeartbeat(job, 0);
  EXPECT_EQ(table_.GetLiveness("c"), Liveness::kOk);
  EXPECT_EQ(table_.GetLiveness("d"), Liveness::kUnknown);
  log_.Commit("d", "log");
  EXPECT_EQ(table_.GetLiveness("d"), Liveness::kUnknown);
  log_.Commit("a", "job_completed");
  log_.Commit("d", "log");
  EXPECT_EQ(table_.GetLiveness("d"), Liveness::kOk);
}

TEST_F(LivenessTableTest, JobsSilentForAnHourMakeRoom) {
  for (const char* job : {"a", "b", "c"}) table_.OnHeartbeat(job, 0);
  Wait(kHour);
  table_.OnHeartbeat("c", 0);
  Wait(1);
  for (const char* job : {"d", "e"}) table_.OnHeartbeat(job, 0);
  for (const char* job : {"c", "d", "e"}) EXPECT_EQ(table_.GetLiveness(job), Liveness::kOk) << job;
}

TEST_F(LivenessTableTest, LooksThroughAFullTableOnlyOnceAMinute) {
  for (const char* job : {"a", "b", "c"}) table_.OnHeartbeat(job, 0);
  Wait(kHour);
  table_.OnHeartbeat("d", 0);
  Wait(1);
  table_.OnHeartbeat("d", 0);
  EXPECT_EQ(table_.GetLiveness("d"), Liveness::kUnknown);
  Wait(60 * kSecond);
  table_.OnHeartbeat("d", 0);
  EXPECT_EQ(table_.GetLiveness("d"), Liveness::kOk);
}

}  // namespace
}  // namespace stagelog
