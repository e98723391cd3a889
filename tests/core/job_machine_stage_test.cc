#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/job_machine.h"
#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// --- Stages ---

TEST(StageTest, RunsAndEnds) {
  for (const auto& [type, status] : {std::pair("stage_completed", StageStatus::kCompleted),
                                     std::pair("stage_failed", StageStatus::kFailed)}) {
    JobStory story = RunningJob();
    story.Tell("stage_started", {.stage = "s", .message = "begins"});
    EXPECT_EQ(story.stage("s").status, StageStatus::kRunning);
    EXPECT_EQ(story.stage("s").started_micros, story.state().updated_at_micros);
    EXPECT_EQ(story.stage("s").ended_micros, 0);
    story.Tell(type, {.stage = "s"});
    EXPECT_EQ(story.stage("s").status, status);
    EXPECT_EQ(story.stage("s").attempt, 1);
    EXPECT_EQ(story.stage("s").ended_micros, story.state().updated_at_micros);
    EXPECT_EQ(story.stage("s").message, "begins") << "an end without a message keeps the last one";
  }
}

TEST(StageTest, AStartAfterAFinishedAttemptOpensTheNextOne) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_failed", {.stage = "s", .message = "no disk"})
      .Tell("stage_started", {.stage = "s"});
  EXPECT_THAT(story.violations(), IsEmpty());
  ASSERT_EQ(story.state().stages.size(), 2u);
  EXPECT_EQ(story.state().stages[0].status, StageStatus::kFailed);
  EXPECT_EQ(story.state().stages[0].message, "no disk");
  EXPECT_EQ(story.stage("s").attempt, 2);
  EXPECT_EQ(story.stage("s").status, StageStatus::kRunning);
  EXPECT_EQ(story.stage("s").message, "");
}

TEST(StageTest, ASecondStartIsFlagged) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"}).Tell("stage_started", {.stage = "s"});
  EXPECT_THAT(story.violations(), ElementsAre("duplicate_start"));
  EXPECT_EQ(story.state().stages.size(), 1u);
}

TEST(StageTest, AnEndWithoutAStartOpensAndClosesAnAttempt) {
  JobStory story = RunningJob();
  story.Tell("stage_failed", {.stage = "s", .message = "gone"});
  EXPECT_THAT(story.violations(), ElementsAre("end_without_start"));
  EXPECT_EQ(story.stage("s").status, StageStatus::kFailed);
  EXPECT_EQ(story.stage("s").attempt, 1);
  EXPECT_EQ(story.stage("s").message, "gone");
  EXPECT_EQ(story.stage("s").started_micros, story.stage("s").ended_micros);
}

TEST(StageTest, ProgressWithoutAStartOpensAnAttempt) {
  JobStory story = RunningJob();
  story.Tell("stage_progress", {.stage = "s", .payload = R"({"percent":40})"});
  EXPECT_THAT(story.violations(), ElementsAre("progress_without_start"));
  EXPECT_EQ(story.stage("s").status, StageStatus::kRunning);
  EXPECT_EQ(story.stage("s").progress.percent, 40.0);
  story.Tell("stage_completed", {.stage = "s"});
  EXPECT_THAT(story.violations(), IsEmpty());
}

TEST(StageTest, WhatComesAfterItsEndIsFlagged) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"}).Tell("stage_completed", {.stage = "s"});
  for (const char* type : {"stage_progress", "stage_completed", "stage_failed"}) {
    story.Tell(type, {.stage = "s"});
    EXPECT_THAT(story.violations(), ElementsAre("stage_over")) << type;
  }
  EXPECT_EQ(story.stage("s").status, StageStatus::kCompleted);
}

TEST(StageTest, AChildsFailureDoesNotFailTheParent) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "train"})
      .Tell("stage_started", {.stage = "train/epoch-3"})
      .Tell("stage_failed", {.stage = "train/epoch-3"});
  EXPECT_EQ(story.stage("train/epoch-3").status, StageStatus::kFailed);
  EXPECT_EQ(story.stage("train").status, StageStatus::kRunning);
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
  story.Tell("stage_completed", {.stage = "train"});
  EXPECT_THAT(story.violations(), IsEmpty());
}

TEST(StageTest, AParentThatEndsLeavesWhatIsBelowItRunning) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "train"})
      .Tell("stage_started", {.stage = "train/epoch-3"})
      .Tell("stage_completed", {.stage = "train"});
  EXPECT_EQ(story.stage("train/epoch-3").status, StageStatus::kRunning);
}

TEST(StageTest, AStageNeedsNoParent) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "train/epoch-3/batch-9"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.state().stages.size(), 1u);
  EXPECT_EQ(story.state().FindStage("train"), nullptr);
}

TEST(StageTest, AStartMayNameAnyLaterAttempt) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s", .attempt = 4});
  EXPECT_EQ(story.stage("s").attempt, 4);
  story.Tell("stage_completed", {.stage = "s"}).Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(story.stage("s").attempt, 5) << "the next one counts on from there";
  story.Tell("stage_failed", {.stage = "s"}).Tell("stage_started", {.stage = "s", .attempt = 3});
  EXPECT_THAT(story.violations(), ElementsAre("attempt_mismatch"));
  EXPECT_EQ(story.stage("s").attempt, 5);
}

TEST(StageTest, WhatStillComesOfAnAbandonedAttemptIsNews) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"}).Tell("job_failed").Tell("job_resumed");
  story.Tell("stage_completed", {.stage = "s"});
  EXPECT_THAT(story.violations(), ElementsAre("end_without_start"));
  EXPECT_EQ(story.state().stages[0].status, StageStatus::kAbandoned);
  EXPECT_EQ(story.stage("s").attempt, 2);
  EXPECT_EQ(story.stage("s").epoch, 2);
  EXPECT_EQ(story.stage("s").status, StageStatus::kCompleted);
}

TEST(StageTest, TheLastMessageStays) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s", .message = "one"})
      .Tell("stage_progress", {.stage = "s", .message = "two"})
      .Tell("stage_progress", {.stage = "s"})
      .Tell("log", {.stage = "s", .message = "a remark"});
  EXPECT_EQ(story.stage("s").message, "two");
}

}  // namespace
}  // namespace stagelog
