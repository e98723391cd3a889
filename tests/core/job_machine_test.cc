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

constexpr int64_t kSecond = JobStory::kSecond;

JobStory RunningJob() {
  JobStory story;
  story.Tell("job_created").Tell("job_started");
  return story;
}

JobStory PausedJob() {
  JobStory story = RunningJob();
  story.Tell("gate_pause", {.gate = "g"});
  return story;
}

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

TEST(JobTest, EpochsCountResumptionsAfterFailedOrCanceled) {
  JobStory story = RunningJob();
  EXPECT_EQ(story.state().epoch, 1);
  story.Tell("job_failed").Tell("job_resumed");
  EXPECT_EQ(story.state().epoch, 2);
  story.Tell("job_canceled").Tell("job_resumed");
  EXPECT_EQ(story.state().epoch, 3);
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

TEST(JobTest, ACompletedJobIsNotResumed) {
  JobStory story = RunningJob();
  story.Tell("job_completed").Tell("job_resumed");
  EXPECT_THAT(story.violations(), ElementsAre("resume_completed"));
  EXPECT_EQ(story.state().status, JobStatus::kCompleted);
  EXPECT_EQ(story.state().epoch, 1);
}

TEST(JobTest, WhateverComesFirstCreatesTheJobFlagged) {
  JobStory story;
  story.Tell("stage_completed", {.stage = "s"});
  EXPECT_THAT(story.violations(), ElementsAre("implicit_create", "end_without_start"));
  EXPECT_EQ(story.state().job_id, "a");
  EXPECT_EQ(story.state().created_at_micros, story.state().updated_at_micros);
  EXPECT_EQ(story.state().first_seq, story.state().as_of_seq);
  EXPECT_EQ(story.state().violation_count, 2);
  EXPECT_EQ(story.stage("s").status, StageStatus::kCompleted);
  story.Tell("log", {.message = "m"});
  EXPECT_THAT(story.violations(), IsEmpty()) << "only the first event";
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
  EXPECT_EQ(story.state().violation_count, 2);
  EXPECT_EQ(story.state().as_of_seq, 40);
  EXPECT_EQ(story.state().last_hash, "hash-40");
}

// Promise 7: the journal keeps the evidence, and the state what it was.
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
  after.violation_count = before.violation_count;
  after.last_hash = before.last_hash;
  EXPECT_EQ(after, before);
}

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

// --- Gates ---

TEST(GateTest, PausesTheJobAndLetsItGoOn) {
  for (const char* type : {"gate_approved", "gate_auto_approved"}) {
    JobStory story = PausedJob();
    EXPECT_EQ(story.state().status, JobStatus::kPaused);
    EXPECT_EQ(story.state().reason, "gate g is pending");
    story.Tell(type, {.gate = "g", .actor = "ann"});
    EXPECT_EQ(story.state().status, JobStatus::kRunning) << type;
    EXPECT_EQ(story.state().reason, "") << type;
    EXPECT_EQ(story.gate("g").decided_by, "ann") << type;
  }
}

TEST(GateTest, TheLastApprovalReturnsTheJobToWhatItWas) {
  JobStory story;
  story.Tell("job_created").Tell("gate_pause", {.gate = "g"}).Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().status, JobStatus::kCreated);
  EXPECT_EQ(story.state().started_at_micros, 0);
  story.Tell("job_started");
  EXPECT_THAT(story.violations(), IsEmpty());
}

TEST(GateTest, AStageThatStartsWhileTheFirstGateIsPendingLetsTheJobRunAfterIt) {
  JobStory story;
  story.Tell("job_created").Tell("gate_pause", {.gate = "g"}).Tell("stage_started", {.stage = "s"});
  EXPECT_EQ(story.state().status, JobStatus::kPaused);
  EXPECT_EQ(story.state().started_at_micros, story.state().updated_at_micros);
  story.Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

TEST(GateTest, TheJobIsPausedWhileAnyIsPending) {
  JobStory story = PausedJob();
  story.Tell("gate_pause", {.gate = "h"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.state().reason, "gate h is pending");
  story.Tell("gate_approved", {.gate = "h"});
  EXPECT_EQ(story.state().status, JobStatus::kPaused);
  EXPECT_EQ(story.state().reason, "gate g is pending");
  story.Tell("job_resumed");
  EXPECT_THAT(story.violations(), ElementsAre("gate_pending"));
  EXPECT_EQ(story.state().status, JobStatus::kPaused);
  story.Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

TEST(GateTest, TheFirstDecisionWins) {
  for (const char* second :
       {"gate_approved", "gate_rejected", "gate_auto_approved", "gate_expired"}) {
    JobStory story = PausedJob();
    story.Tell("gate_rejected", {.gate = "g", .payload = R"({"comment":"first"})", .actor = "ann"});
    story.Tell(second, {.gate = "g", .payload = R"({"comment":"second"})", .actor = "ben"});
    EXPECT_THAT(story.violations(), ElementsAre("gate_decided")) << second;
    EXPECT_EQ(story.gate("g").status, GateStatus::kRejected) << second;
    EXPECT_EQ(story.gate("g").comment, "first") << second;
    EXPECT_EQ(story.gate("g").decided_by, "ann") << second;
  }
}

TEST(GateTest, RemembersWhatWasAskedAndDecided) {
  JobStory story = RunningJob();
  story.Tell("gate_pause",
             {.gate = "g",
              .message = "passed over where there is a prompt",
              .payload = R"({"prompt":"go?","options":["a","b"],"timeout_seconds":60,)"
                         R"("on_timeout":"reject","approvers":["ann"]})"});
  GateState gate = story.gate("g");
  EXPECT_EQ(gate.status, GateStatus::kPending);
  EXPECT_EQ(gate.iteration, 1);
  EXPECT_EQ(gate.prompt, "go?");
  EXPECT_EQ(gate.options, R"(["a","b"])");
  EXPECT_EQ(gate.on_timeout, "reject");
  EXPECT_THAT(gate.approvers, ElementsAre("ann"));
  EXPECT_EQ(gate.opened_seq, story.state().as_of_seq);
  EXPECT_EQ(gate.ExpiresAtMicros(), gate.opened_micros + 60 * kSecond);
  story.Tell("gate_approved", {.gate = "g",
                               .message = "passed over where there is a comment",
                               .payload = R"({"comment":"yes","choice":"b","via":"api"})",
                               .actor = "ann"});
  gate = story.gate("g");
  EXPECT_EQ(gate.comment + "/" + gate.choice + "/" + gate.via + "/" + gate.decided_by,
            "yes/b/api/ann");
  EXPECT_EQ(gate.decided_seq, story.state().as_of_seq);
  EXPECT_EQ(gate.decided_micros, story.state().updated_at_micros);
}

TEST(GateTest, TheMessageServesAsPromptAndAsComment) {
  JobStory story = RunningJob();
  story.Tell("gate_pause", {.gate = "g", .message = "go?"})
      .Tell("gate_approved", {.gate = "g", .message = "yes"});
  EXPECT_EQ(story.gate("g").prompt, "go?");
  EXPECT_EQ(story.gate("g").comment, "yes");
  EXPECT_EQ(story.gate("g").via, "event");
  EXPECT_EQ(story.gate("g").ExpiresAtMicros(), 0);
}

TEST(GateTest, AfterARejectionOrExpiryTheJobStaysPausedWithItsReason) {
  for (const auto& [type, reason] : {std::pair("gate_rejected", "gate g was rejected"),
                                     std::pair("gate_expired", "gate g was expired")}) {
    JobStory story = PausedJob();
    story.Tell(type, {.gate = "g"});
    EXPECT_EQ(story.state().status, JobStatus::kPaused) << type;
    EXPECT_EQ(story.state().reason, reason);
    for (const char* way_out : {"job_resumed", "job_failed", "job_canceled", "job_completed"}) {
      JobStory further(story.state());
      further.Tell(way_out);
      EXPECT_THAT(further.violations(), IsEmpty()) << type << " " << way_out;
      EXPECT_NE(further.state().status, JobStatus::kPaused) << type << " " << way_out;
      EXPECT_EQ(further.state().reason, "") << type << " " << way_out;
    }
  }
}

TEST(GateTest, AnotherGatesApprovalDoesNotUndoARejection) {
  JobStory story = PausedJob();
  story.Tell("gate_pause", {.gate = "h"})
      .Tell("gate_rejected", {.gate = "g"})
      .Tell("gate_approved", {.gate = "h"});
  EXPECT_EQ(story.state().status, JobStatus::kPaused);
  EXPECT_EQ(story.state().reason, "gate g was rejected");
  story.Tell("job_resumed");
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

TEST(GateTest, ANewPauseOpensTheNextIterationWhichMayLetTheJobGoOn) {
  JobStory story = PausedJob();
  story.Tell("gate_rejected", {.gate = "g"}).Tell("gate_pause", {.gate = "g"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.gate("g").iteration, 2);
  EXPECT_EQ(story.state().reason, "gate g is pending");
  EXPECT_EQ(story.state().gates[0].status, GateStatus::kRejected);
  story.Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
  ASSERT_EQ(story.state().gates.size(), 2u);
  EXPECT_EQ(story.state().gates[0].status, GateStatus::kRejected);
  EXPECT_EQ(story.state().gates[1].status, GateStatus::kApproved);
}

TEST(GateTest, TwoGatesThatHoldTheJobMustBothBeOpenedAgain) {
  JobStory story = PausedJob();
  story.Tell("gate_pause", {.gate = "h"})
      .Tell("gate_rejected", {.gate = "g"})
      .Tell("gate_expired", {.gate = "h"});
  EXPECT_EQ(story.state().reason, "gate h was expired");
  story.Tell("gate_pause", {.gate = "h"}).Tell("gate_approved", {.gate = "h"});
  EXPECT_EQ(story.state().status, JobStatus::kPaused);
  EXPECT_EQ(story.state().reason, "gate g was rejected");
  story.Tell("gate_pause", {.gate = "g"}).Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

TEST(GateTest, APendingGateIsNotOpenedAgain) {
  JobStory story = PausedJob();
  story.Tell("gate_pause", {.gate = "g", .message = "again"});
  EXPECT_THAT(story.violations(), ElementsAre("gate_already_pending"));
  EXPECT_EQ(story.state().gates.size(), 1u);
  EXPECT_EQ(story.gate("g").prompt, "");
}

TEST(GateTest, GatesAndStagesMayShareTheirNames) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "g"}).Tell("gate_pause", {.stage = "g", .gate = "g"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("g").status, StageStatus::kRunning);
}

// --- Resuming after an approval ---

TEST(ResumeTest, RightAfterTheApprovalItIsLegalOnce) {
  JobStory story = PausedJob();
  story.Tell("gate_approved", {.gate = "g"}).Tell("job_resumed");
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
  EXPECT_EQ(story.state().epoch, 1);
  story.Tell("job_resumed");
  EXPECT_THAT(story.violations(), ElementsAre("not_paused"));
}

TEST(ResumeTest, RemarksAndWhatIsIllegalMayComeInBetween) {
  JobStory story = PausedJob();
  story.Tell("gate_approved", {.gate = "g"})
      .Tell("log", {.message = "m"})
      .Tell("x-note")
      .Tell("gate_approved", {.gate = "g"})
      .Tell("job_resumed");
  EXPECT_THAT(story.violations(), IsEmpty());
}

TEST(ResumeTest, AfterAnythingElseThatCountsItIsNot) {
  const std::vector<std::pair<std::string, EventParts>> between = {
      {"stage_started", {.stage = "s"}},
      {"stage_progress", {.stage = "s"}},
      {"stage_completed", {.stage = "s"}},
  };
  for (const auto& [type, parts] : between) {
    JobStory story = PausedJob();
    story.Tell("gate_approved", {.gate = "g"}).Tell(type, parts).Tell("job_resumed");
    EXPECT_THAT(story.violations(), ElementsAre("not_paused")) << type;
  }
}

TEST(ResumeTest, AnApprovalThatEndedNoPauseDoesNotMakeItLegal) {
  JobStory story = PausedJob();
  story.Tell("gate_pause", {.gate = "h"}).Tell("gate_approved", {.gate = "h"}).Tell("job_resumed");
  EXPECT_THAT(story.violations(), ElementsAre("gate_pending"));
}

TEST(ResumeTest, AJobThatWasCreatedRunsAfterIt) {
  JobStory story;
  story.Tell("job_created")
      .Tell("gate_pause", {.gate = "g"})
      .Tell("gate_approved", {.gate = "g"})
      .Tell("job_resumed");
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

// --- Progress ---

TEST(ProgressTest, FiguresAreKeptAndPercentIsWorkedOut) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":3,"total":4,"unit":"GB"})"});
  const Progress& progress = story.stage("s").progress;
  EXPECT_EQ(progress.current, 3.0);
  EXPECT_EQ(progress.total, 4.0);
  EXPECT_EQ(progress.percent, 75.0);
  EXPECT_EQ(progress.unit, "GB");
  story.Tell("stage_progress", {.stage = "s", .payload = R"({"current":4})"});
  EXPECT_EQ(story.stage("s").progress.percent, 100.0) << "the total is known";
  EXPECT_EQ(story.stage("s").progress.unit, "GB");
}

TEST(ProgressTest, APercentThatIsSentWinsOverOneThatIsWorkedOut) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":3,"total":4,"percent":10})"});
  EXPECT_EQ(story.stage("s").progress.percent, 10.0);
}

TEST(ProgressTest, MayGoBackAndItsTotalMayChange) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":8,"total":10})"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":2})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, 20.0);
  story.Tell("stage_progress", {.stage = "s", .payload = R"({"total":1})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, 100.0) << "never more than all";
}

TEST(ProgressTest, ATotalOfNothingSaysNothing) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":0,"total":0})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, std::nullopt);
}

TEST(ProgressTest, AbsurdFiguresAreStoredAndFlagged) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":5,"total":10})"});
  const StageState before = story.stage("s");
  for (const char* payload :
       {R"({"current":-1})", R"({"current":-1e-300})", R"({"current":1e308,"total":1e308})",
        R"({"total":1e19})", R"({"percent":100.5})", R"({"percent":-0.5})", R"({"current":"7"})",
        R"({"percent":"50%"})", R"({"current":[7]})", R"({"current":true})",
        R"({"current":7,"total":6})", R"({"current":10.0000001})",
        R"({"current":6,"total":null,)"
        R"("percent":101})"}) {
    story.Tell("stage_progress", {.stage = "s", .message = "m", .payload = payload});
    EXPECT_THAT(story.violations(), ElementsAre("invalid_progress")) << payload;
    EXPECT_EQ(story.stage("s"), before) << payload;
  }
  story.Tell("stage_progress", {.stage = "s", .payload = R"({"current":11,"total":12})"});
  EXPECT_THAT(story.violations(), IsEmpty()) << "beyond the earlier total, within its own";
}

TEST(ProgressTest, AnEarlierAttemptsTotalDoesNotBindTheNextOne) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":5,"total":10})"})
      .Tell("stage_failed", {.stage = "s"})
      .Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":50})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, std::nullopt);
}

TEST(ProgressTest, WithoutAFigureItIsASignOfLife) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .message = "still at it"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress, Progress());
  EXPECT_EQ(story.stage("s").message, "still at it");
}

TEST(ProgressTest, RatesCountFromTheFirstReportOfTheAttempt) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":5})"});
  const int64_t first = story.state().updated_at_micros;
  story.Wait(9).Tell("stage_progress", {.stage = "s", .payload = R"({"current":25})"});
  EXPECT_EQ(story.stage("s").progress.first_figure, 5.0);
  EXPECT_EQ(story.stage("s").progress.first_micros, first);
  EXPECT_EQ(story.stage("s").progress.last_micros, first + 10 * kSecond);
}

// Frames are not percent: what was reported in the one says nothing of the rate in the other.
TEST(ProgressTest, WhoChangesFromPercentToFiguresBeginsAnew) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"percent":50})"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":1000,"total":2000})"});
  EXPECT_EQ(story.stage("s").progress.first_figure, 1000.0);
  EXPECT_EQ(story.stage("s").progress.first_micros, story.state().updated_at_micros);
}

// --- The codes ---

TEST(ViolationTest, ThreeCodesCount) {
  std::vector<std::string_view> counting;
  for (const ViolationTraits& row : AllViolations()) {
    EXPECT_EQ(ViolationCounts(row.code), row.counts) << row.code;
    if (row.counts) counting.push_back(row.code);
  }
  EXPECT_THAT(counting,
              ElementsAre("implicit_create", "end_without_start", "progress_without_start"));
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
