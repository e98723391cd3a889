#include "follow/job_states.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/follow/follow_fixture.h"
#include "tests/support/manual_clock.h"

namespace stagelog {
namespace {

constexpr size_t kMaxBytes = 64'000;

class JobStatesTest : public testing::Test {
 protected:
  // Whether the state was here: what has not changed since is then not named.
  bool WasKept(const std::string& job_id) {
    log_.Commit(job_id, "log");
    StateChanges changes;
    EXPECT_TRUE(states_.Advance(job_id, changes));
    return log_.last_advanced_from() > 0;
  }

  void StartStages(const std::string& job_id, int count) {
    for (int i = 0; i < count; ++i) {
      EventDraft draft = DraftOf(job_id, "stage_started");
      draft.stage = "s" + std::to_string(i);
      log_.Commit(std::move(draft));
    }
  }

  ManualClock clock_;
  FakeLog log_{clock_};
  JobStates states_{log_, kMaxBytes};
};

TEST_F(JobStatesTest, KeepsWhatIsInUseAndForgetsWhatWasNotUsedTheLongest) {
  for (int i = 0; i < 200; ++i) {
    WasKept("busy");
    WasKept("job-" + std::to_string(i));
  }
  EXPECT_LT(states_.size(), 180U);
  EXPECT_GT(states_.size(), 10U);
  EXPECT_TRUE(WasKept("busy"));
  EXPECT_TRUE(WasKept("job-199"));
  EXPECT_FALSE(WasKept("job-0"));
}

TEST_F(JobStatesTest, ALargeJobStaysAndDrivesNobodyOut) {
  StartStages("large", 500);  // more than all the room
  for (int round = 0; round < 3; ++round) {
    for (const char* job : {"large", "a", "b", "c"}) EXPECT_EQ(WasKept(job), round > 0) << job;
  }
}

TEST_F(JobStatesTest, ProgressIsNoGrowth) {
  StartStages("busy", 1);
  WasKept("other");
  for (int i = 0; i < 2'000; ++i) {
    EventDraft draft = DraftOf("busy", "stage_progress", "", R"({"percent":5})");
    draft.stage = "s0";
    log_.Commit(std::move(draft));
    StateChanges changes;
    ASSERT_TRUE(states_.Advance("busy", changes));
  }
  EXPECT_TRUE(WasKept("other"));
}

}  // namespace
}  // namespace stagelog
