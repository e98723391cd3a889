#include "core/job_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::ElementsAre;

TEST(StatusNameTest, JobsReadBack) {
  for (const JobStatus status : {JobStatus::kCreated, JobStatus::kRunning, JobStatus::kPaused,
                                 JobStatus::kCompleted, JobStatus::kFailed, JobStatus::kCanceled}) {
    EXPECT_EQ(ParseJobStatus(StatusName(status)), status);
  }
  EXPECT_EQ(StatusName(JobStatus::kPaused), "paused");
  EXPECT_EQ(ParseJobStatus("done"), std::nullopt);
  EXPECT_EQ(ParseJobStatus("Running"), std::nullopt);
  EXPECT_EQ(ParseJobStatus(""), std::nullopt);
}

TEST(StatusNameTest, ListsAreInTheOrderOfTheEnumerations) {
  const auto jobs = JobStatusNames();
  ASSERT_EQ(jobs.size(), 6u);
  for (size_t i = 0; i < jobs.size(); ++i)
    EXPECT_EQ(jobs[i], StatusName(static_cast<JobStatus>(i)));
  EXPECT_THAT(GateStatusNames(), ElementsAre("pending", "approved", "rejected", "auto_approved",
                                             "expired", "canceled"));
  EXPECT_EQ(StatusName(GateStatus::kCanceled), "canceled");
}

TEST(StatusNameTest, StagesHaveNames) {
  EXPECT_EQ(StatusName(StageStatus::kRunning), "running");
  EXPECT_EQ(StatusName(StageStatus::kCompleted), "completed");
  EXPECT_EQ(StatusName(StageStatus::kFailed), "failed");
  EXPECT_EQ(StatusName(StageStatus::kAbandoned), "abandoned");
}

TEST(JobStateTest, OverIsCompletedFailedOrCanceled) {
  JobState state;
  std::vector<std::string_view> over;
  for (int i = 0; i < 6; ++i) {
    state.status = static_cast<JobStatus>(i);
    if (state.IsTerminal()) over.push_back(StatusName(state.status));
  }
  EXPECT_THAT(over, ElementsAre("completed", "failed", "canceled"));
}

TEST(JobStateTest, HowMuchIsDoneIsUnknownWithoutStagesAndAllWhenCompleted) {
  EXPECT_EQ(JobStory().Tell("job_created").Tell("job_completed").state().Done(), std::nullopt);
  JobStory story;
  story.Tell("job_created", {.payload = R"({"stages":["s"]})"})
      .Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(story.state().Done(), 0);
  story.Tell("job_completed");
  EXPECT_EQ(story.state().Done(), StageTree::kWhole);
}

// Everything that is known of is done, and nobody knows what comes behind the gate.
TEST(JobStateTest, HowMuchIsDoneIsUnknownWhereStagesWereNotDeclared) {
  JobStory story;
  story.Tell("job_created")
      .Tell("stage_started", {.stage = "build"})
      .Tell("stage_completed", {.stage = "build"})
      .Tell("gate_pause", {.gate = "publish"});
  EXPECT_EQ(story.state().Done(), std::nullopt);
  story.Tell("gate_approved", {.gate = "publish"}).Tell("job_failed");
  EXPECT_EQ(story.state().Done(), std::nullopt);
  JobStory declared;
  declared.Tell("job_created", {.payload = R"({"stages":["build","publish"]})"})
      .Tell("stage_started", {.stage = "build"})
      .Tell("stage_completed", {.stage = "build"})
      .Tell("gate_pause", {.gate = "publish"});
  EXPECT_EQ(declared.state().Done(), StageTree::kWhole / 2);
}

TEST(JobStateTest, DeclaredStagesThatHaveNotBegunArePending) {
  JobStory story;
  story.Tell(
      "job_created",
      {.payload = R"({"stages":["fetch","train","train/epoch-1","pack","fetch","pack/x"]})"});
  EXPECT_THAT(story.state().PendingStages(),
              ElementsAre("fetch", "train", "train/epoch-1", "pack", "pack/x"));
  story.Tell("stage_started", {.stage = "train/epoch-2/step-1"});
  EXPECT_THAT(story.state().PendingStages(),
              ElementsAre("fetch", "train/epoch-1", "pack", "pack/x"));
  story.Tell("stage_completed", {.stage = "fetch"}).Tell("stage_started", {.stage = "pack"});
  EXPECT_THAT(story.state().PendingStages(), ElementsAre("train/epoch-1", "pack/x"));
  story.Tell("job_failed");
  EXPECT_THAT(story.state().PendingStages(), ElementsAre("train/epoch-1", "pack/x"));
}

TEST(JobStateTest, FindsTheLastAttemptAndTheLastIteration) {
  JobStory story;
  story.Tell("job_created")
      .Tell("stage_started", {.stage = "s"})
      .Tell("stage_failed", {.stage = "s"})
      .Tell("stage_started", {.stage = "other"})
      .Tell("stage_started", {.stage = "s"})
      .Tell("gate_pause", {.gate = "g"})
      .Tell("gate_rejected", {.gate = "g"})
      .Tell("gate_pause", {.gate = "other"})
      .Tell("gate_pause", {.gate = "g"});
  const JobState& state = story.state();
  EXPECT_EQ(state.FindStage("s"), &state.stages[2]);
  EXPECT_EQ(state.FindStage("s/below"), nullptr);
  EXPECT_EQ(state.FindStage(""), nullptr);
  EXPECT_EQ(state.FindGate("g"), &state.gates[2]);
  EXPECT_EQ(state.FindGate("h"), nullptr);
}

TEST(JobStateTest, ThePendingGateIsTheOneOpenedLast) {
  JobStory story;
  story.Tell("job_created").Tell("gate_pause", {.gate = "g"}).Tell("gate_pause", {.gate = "h"});
  EXPECT_EQ(story.state().PendingGate(), story.state().FindGate("h"));
  story.Tell("gate_approved", {.gate = "h"});
  EXPECT_EQ(story.state().PendingGate(), story.state().FindGate("g"));
  story.Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().PendingGate(), nullptr);
}

TEST(DoneOfTest, ACompletedAttemptIsWholeWhateverItReported) {
  StageState stage;
  EXPECT_EQ(DoneOf(stage), std::nullopt);
  stage.progress.percent = 12.5;
  EXPECT_EQ(DoneOf(stage), StageTree::kWhole / 8);
  stage.status = StageStatus::kAbandoned;
  EXPECT_EQ(DoneOf(stage), StageTree::kWhole / 8);
  stage.status = StageStatus::kCompleted;
  EXPECT_EQ(DoneOf(stage), StageTree::kWhole);
}

TEST(GateStateTest, ExpiresSoManySecondsAfterItWasOpened) {
  GateState gate;
  gate.opened_micros = 3;  // when it happened; the journal heard of it later
  gate.opened_ts_micros = 5;
  EXPECT_EQ(gate.ExpiresAtMicros(), 0);
  gate.timeout_seconds = 31'536'000;
  EXPECT_EQ(gate.ExpiresAtMicros(), 31'536'000'000'005);
}

}  // namespace
}  // namespace stagelog
