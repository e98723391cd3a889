// What events make of a job; its stages, gates and progress have tests of their own beside.
#include "core/job_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// --- Job ---

TEST(JobTest, AStageThatStartsMakesACreatedJobRun) {
  JobStory story;
  story.Tell("job_created").Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
  EXPECT_EQ(story.state().started_at_micros, story.state().updated_at_micros);
  EXPECT_THAT(story.violations(), IsEmpty());
}

TEST(JobTest, EndsFromCreatedRunningAndPaused) {
  const std::vector<std::pair<std::string, JobStatus>> ends = {
      {"job_completed", JobStatus::kCompleted},
      {"job_failed", JobStatus::kFailed},
      {"job_canceled", JobStatus::kCanceled}};
  for (const auto& [type, status] : ends) {
    for (JobStory story : {JobStory().Tell("job_created"), RunningJob(), PausedJob()}) {
      story.Tell(type, {.message = "so it ended"});
      EXPECT_THAT(story.violations(), IsEmpty()) << type;
      EXPECT_EQ(story.state().status, status) << type;
      EXPECT_EQ(story.state().ended_at_micros, story.state().updated_at_micros) << type;
      EXPECT_EQ(story.state().reason, "so it ended") << type;
    }
  }
}

TEST(JobTest, ItsEndAbandonsWhatRunsAndCancelsWhatIsPending) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "done"})
      .Tell("stage_completed", {.stage = "done"})
      .Tell("stage_started", {.stage = "open"})
      .Tell("stage_started", {.stage = "open/below"})
      .Tell("gate_pause", {.gate = "decided"})
      .Tell("gate_rejected", {.gate = "decided"})
      .Tell("gate_pause", {.gate = "first"})
      .Tell("gate_pause", {.gate = "second"})
      .Tell("job_failed");
  EXPECT_EQ(story.stage("done").status, StageStatus::kCompleted);
  for (const char* path : {"open", "open/below"}) {
    EXPECT_EQ(story.stage(path).status, StageStatus::kAbandoned) << path;
    EXPECT_EQ(story.stage(path).ended_micros, story.state().ended_at_micros) << path;
  }
  EXPECT_EQ(story.gate("decided").status, GateStatus::kRejected);
  for (const char* name : {"first", "second"}) {
    EXPECT_EQ(story.gate(name).status, GateStatus::kCanceled) << name;
    EXPECT_EQ(story.gate(name).decided_seq, story.state().as_of_seq) << name;
    EXPECT_EQ(story.gate(name).decided_micros, story.state().ended_at_micros) << name;
    EXPECT_EQ(story.gate(name).decided_by + story.gate(name).via, "") << name;
  }
  EXPECT_EQ(story.state().PendingGate(), nullptr);
  EXPECT_THAT(story.state().blocking_gates, IsEmpty());
}

TEST(JobTest, EpochsCountResumptionsAfterAnEnd) {
  JobStory story;
  story.Tell("job_created").Tell("job_started").Tell("job_completed").Tell("job_resumed");
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.state().epoch, 2);
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
  story.Tell("job_failed").Tell("job_resumed").Tell("job_canceled").Tell("job_resumed");
  EXPECT_EQ(story.state().epoch, 4);
  EXPECT_EQ(story.state().violation_count, 0);
}

TEST(JobTest, APauseThatIsOverIsNoNewEpoch) {
  JobStory story = RunningJob();
  story.Tell("job_canceled").Tell("job_resumed").Tell("job_failed").Tell("job_resumed");
  story.Tell("gate_pause", {.gate = "g"}).Tell("gate_rejected", {.gate = "g"}).Tell("job_resumed");
  EXPECT_EQ(story.state().epoch, 3) << "a pause is no end";
  story.Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(story.stage("s").epoch, 3);
}

TEST(JobTest, AResumedJobIsNotOverAndHasNoReason) {
  JobStory story = RunningJob();
  story.Tell("job_failed", {.message = "out of memory"}).Tell("job_resumed");
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
  EXPECT_EQ(story.state().ended_at_micros, 0);
  EXPECT_EQ(story.state().reason, "");
}

TEST(JobTest, AResumptionDoesNotBringBackWhatItsEndClosed) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("gate_pause", {.gate = "g"})
      .Tell("job_canceled")
      .Tell("job_resumed");
  EXPECT_EQ(story.stage("s").status, StageStatus::kAbandoned);
  EXPECT_EQ(story.gate("g").status, GateStatus::kCanceled);
  story.Tell("gate_approved", {.gate = "g"});
  EXPECT_THAT(story.violations(), ElementsAre("gate_decided"));
}

// The second run of a job decides what it is.
TEST(JobTest, AResumedCompletedJobEndsAsItsLastEpochDoes) {
  JobStory story;
  story.Tell("job_created", {.payload = R"({"stages":["s"]})"})
      .Tell("job_started")
      .Tell("stage_started", {.stage = "s"})
      .Tell("stage_completed", {.stage = "s"})
      .Tell("job_completed")
      .Tell("job_resumed");
  EXPECT_EQ(story.state().Done(), StageTree::kWhole) << "s is done until it is started anew";
  story.Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(story.state().Done(), 0);
  EXPECT_EQ(story.stage("s").attempt, 2);
  EXPECT_EQ(story.stage("s").epoch, 2);
  story.Tell("job_failed", {.message = "exit code 1"});
  EXPECT_EQ(story.state().status, JobStatus::kFailed);
  EXPECT_EQ(story.state().reason, "exit code 1");
  EXPECT_EQ(story.stage("s").status, StageStatus::kAbandoned);
  EXPECT_EQ(story.state().violation_count, 0);
}

// Versions before this one flagged it. Nothing that was flagged is judged again.
TEST(JobTest, AResumptionThatWasFlaggedInItsTimeStaysWithoutEffect) {
  JobStory story = RunningJob();
  story.Tell("job_completed");
  JobState state = story.state();
  Event event = story.Next("job_resumed");
  event.violations = {"resume_completed"};
  Apply(state, event, "hash");
  EXPECT_EQ(state.status, JobStatus::kCompleted);
  EXPECT_EQ(state.epoch, 1);
  EXPECT_EQ(state.violation_count, 1);
  EXPECT_EQ(state.ended_at_micros, story.state().ended_at_micros);
}

TEST(JobTest, WhateverComesFirstCreatesTheJob) {
  JobStory story;
  story.Tell("stage_completed", {.stage = "s"});
  EXPECT_THAT(story.violations(), ElementsAre("end_without_start"));
  EXPECT_EQ(story.state().job_id, "a");
  EXPECT_EQ(story.state().created_at_micros, story.state().updated_at_micros);
  EXPECT_EQ(story.state().first_seq, story.state().as_of_seq);
  EXPECT_EQ(story.state().violation_count, 1);
  EXPECT_TRUE(story.state().implicit_create);
  EXPECT_EQ(story.stage("s").status, StageStatus::kCompleted);
  story.Tell("log", {.message = "m"});
  EXPECT_THAT(story.violations(), IsEmpty());
}

TEST(JobTest, ALateJobCreatedIsFlaggedAndItsPayloadPassedOver) {
  JobStory story;
  story.Tell("log", {.message = "m"})
      .Tell("job_created", {.payload = R"({"pipeline":"p","strict":true,"stages":["s"]})"});
  EXPECT_THAT(story.violations(), ElementsAre("already_created"));
  EXPECT_EQ(story.state().pipeline, "");
  EXPECT_FALSE(story.state().strict);
  EXPECT_TRUE(story.state().tree.empty());
}

TEST(JobTest, JobCreatedSaysWhatTheJobIs) {
  JobStory story;
  story.Tell("job_created", {.payload = R"({"pipeline":"p","strict":true,"stages":["s","s/t"]})"});
  EXPECT_EQ(story.state().pipeline, "p");
  EXPECT_TRUE(story.state().strict);
  EXPECT_THAT(story.state().declared_stages, ElementsAre("s", "s/t"));
  EXPECT_FALSE(story.state().tree.empty());
}

TEST(JobTest, CountsItsEventsAndViolations) {
  JobStory story;
  story.Tell("log").Tell("job_completed").Tell("job_completed").Tell("x-note");
  EXPECT_EQ(story.state().job_seq, 4);
  EXPECT_EQ(story.state().violation_count, 1);
  EXPECT_EQ(story.state().as_of_seq, 40);
  EXPECT_EQ(story.state().last_hash, "hash-40");
}

// Guarantee 7 in src/GUARANTEES.md: the journal keeps the evidence, and the state what it was.
TEST(JobTest, WhatIsIllegalChangesNothingButTheCounters) {
  JobStory story = PausedJob();
  story.Tell("stage_started", {.stage = "s"});
  const JobState before = story.state();
  const std::vector<std::pair<std::string, EventParts>> illegal = {
      {"job_created", {.payload = R"({"pipeline":"other"})"}},
      {"job_started", {}},
      {"job_resumed", {}},
      {"stage_started", {.stage = "s", .message = "again"}},
      {"stage_progress", {.stage = "s", .message = "m", .payload = R"({"current":-1})"}},
      {"stage_completed", {.stage = "s", .attempt = 9, .message = "m"}},
      {"gate_pause", {.gate = "g", .payload = R"({"prompt":"other"})"}},
      {"gate_approved", {.gate = "unknown"}},
  };
  for (const auto& [type, parts] : illegal) {
    story.Tell(type, parts);
    EXPECT_EQ(story.violations().size(), 1u) << type;
    EXPECT_THAT(story.changes().stages, IsEmpty()) << type;
    EXPECT_THAT(story.changes().gates, IsEmpty()) << type;
  }
  JobState after = story.state();
  EXPECT_EQ(after.violation_count, before.violation_count + 8);
  EXPECT_EQ(after.job_seq, before.job_seq + 8);
  after.job_seq = before.job_seq;
  after.as_of_seq = before.as_of_seq;
  after.updated_at_micros = before.updated_at_micros;
  after.latest_micros = before.latest_micros;
  after.violation_count = before.violation_count;
  after.last_hash = before.last_hash;
  EXPECT_EQ(after, before);
}

// --- The codes ---

TEST(ViolationTest, FourCodesCount) {
  std::vector<std::string_view> counting;
  for (const ViolationTraits& row : AllViolations()) {
    EXPECT_EQ(ViolationCounts(row.code), row.counts) << row.code;
    if (row.counts) counting.push_back(row.code);
  }
  EXPECT_THAT(counting, ElementsAre("implicit_create", "end_without_start",
                                    "progress_without_start", "suspect_key"));
}

TEST(ViolationTest, AFirstEventThatIsNotJobCreatedIsNone) {
  EXPECT_FALSE(IsViolation("implicit_create"));
  EXPECT_TRUE(IsViolation("suspect_key"));
  EXPECT_TRUE(IsViolation("a_rule_of_another_time"));
  EXPECT_EQ(ViolationMeaning("job_over"), "the job is completed, failed or canceled");
  EXPECT_EQ(ViolationMeaning("a_rule_of_another_time"), "");
}

TEST(ViolationTest, AKeyOfTheJobsPayloadThatIsNearlyOneThatIsReadIsPointedOut) {
  for (const char* payload : {R"({"stage":["a"]})", R"({"lables":{"a":"b"}})", R"({"Strict":true})",
                              R"({"pipline":"p"})"}) {
    JobStory story;
    story.Tell("job_created", {.payload = payload});
    EXPECT_THAT(story.violations(), ElementsAre("suspect_key")) << payload;
    EXPECT_EQ(story.state().status, JobStatus::kCreated);
    EXPECT_EQ(story.state().violation_count, 1);
  }
  JobStory story;
  story.Tell("job_created",
             {.payload = R"({"command":["make"],"host":"a","stages":[],"stage":1})"});
  EXPECT_THAT(story.violations(), IsEmpty());
}

TEST(ViolationTest, ACodeOfALaterVersionDoesNotCount) {
  EXPECT_FALSE(ViolationCounts("a_rule_of_another_time"));
  EXPECT_FALSE(ViolationCounts(""));
}

TEST(JudgeTest, IsPure) {
  const JobState state = RunningJob().Tell("job_completed").state();
  EXPECT_THAT(Judge(state, DraftOf("job_failed")), ElementsAre("job_over"));
  EXPECT_THAT(Judge(state, DraftOf("job_failed")), ElementsAre("job_over"));
  EXPECT_THAT(Judge(JobState(), DraftOf("job_created")), IsEmpty());
}

// It is never stored; asked all the same it is legal everywhere.
TEST(JudgeTest, AHeartbeatIsARemark) {
  EXPECT_THAT(Judge(PausedJob().state(), DraftOf("heartbeat")), IsEmpty());
}

}  // namespace
}  // namespace stagelog
