#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/job_machine.h"
#include "tests/core/job_story.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

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

TEST(GateTest, AChoiceThatIsNotOfferedIsFlaggedAndDecidesNothing) {
  for (const char* type : {"gate_approved", "gate_rejected", "gate_auto_approved"}) {
    JobStory story = RunningJob();
    story.Tell("gate_pause", {.gate = "g", .payload = R"({"options":["now","tonight"]})"});
    story.Tell(type, {.gate = "g", .payload = R"({"choice":"never"})"});
    EXPECT_THAT(story.violations(), ElementsAre("choice_unknown")) << type;
    EXPECT_EQ(story.gate("g").status, GateStatus::kPending) << type;
    EXPECT_EQ(story.state().status, JobStatus::kPaused) << type;
    story.Tell(type, {.gate = "g", .payload = R"({"choice":"tonight"})"});
    EXPECT_THAT(story.violations(), IsEmpty()) << type;
    EXPECT_EQ(story.gate("g").choice, "tonight") << type;
  }
}

TEST(GateTest, AnApprovalWithoutAChoiceIsFlaggedWhereOneIsOffered) {
  JobStory story = RunningJob();
  story.Tell("gate_pause", {.gate = "g", .payload = R"({"options":["now","tonight"]})"});
  story.Tell("gate_approved", {.gate = "g", .payload = R"({"comment":"fine"})"});
  EXPECT_THAT(story.violations(), ElementsAre("choice_required"));
  EXPECT_EQ(story.gate("g").status, GateStatus::kPending);
  story.Tell("gate_auto_approved", {.gate = "g"});
  EXPECT_THAT(story.violations(), IsEmpty()) << "a timer does not choose";
  EXPECT_EQ(story.gate("g").status, GateStatus::kAutoApproved);
}

TEST(GateTest, TheNthApprovalDecides) {
  JobStory story = RunningJob();
  story.Tell("gate_pause", {.gate = "g", .payload = R"({"required":3})", .actor = "ann"});
  const auto approve = [&](const char* actor) {
    story.Tell("gate_approved", {.gate = "g", .message = "m", .actor = actor});
  };
  approve("ann");
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.gate("g").status, GateStatus::kPending);
  EXPECT_THAT(story.changes().gates, ElementsAre(0));
  approve("ann");
  EXPECT_THAT(story.violations(), ElementsAre("already_approved"));
  approve("ben");
  EXPECT_EQ(story.state().status, JobStatus::kPaused);
  ASSERT_EQ(story.gate("g").approvals.size(), 2U);
  EXPECT_EQ(story.gate("g").approvals[1].actor, "ben");
  EXPECT_EQ(story.gate("g").approvals[1].comment, "m");
  EXPECT_EQ(story.gate("g").approvals[1].via, "event");
  EXPECT_EQ(story.gate("g").decided_seq, 0);
  approve("cat");
  EXPECT_EQ(story.gate("g").status, GateStatus::kApproved);
  EXPECT_EQ(story.gate("g").decided_by, "cat");
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

TEST(GateTest, OneRejectionDecidesAndATimerPassesOverPartialApprovals) {
  JobStory story = RunningJob();
  const EventParts pause = {.gate = "g", .payload = R"({"required":2})"};
  story.Tell("gate_pause", pause).Tell("gate_approved", {.gate = "g", .actor = "ann"});
  story.Tell("gate_rejected", {.gate = "g", .actor = "ann"});
  EXPECT_EQ(story.gate("g").status, GateStatus::kRejected);
  EXPECT_EQ(story.gate("g").approvals.size(), 1U);
  story.Tell("gate_pause", pause).Tell("gate_approved", {.gate = "g", .actor = "ann"});
  story.Tell("gate_expired", {.gate = "g", .actor = kOwnActor});
  EXPECT_EQ(story.gate("g").status, GateStatus::kExpired);
}

TEST(GateTest, TheAnswersAreThoseOfTheFirstApproval) {
  JobStory story = RunningJob();
  story.Tell("gate_pause", {.gate = "g",
                            .payload = R"({"required":2,"options":["a","b"],"fields":)"
                                       R"([{"name":"n","type":"number"}]})"});
  story.Tell("gate_approved",
             {.gate = "g", .payload = R"({"choice":"a","answers":{"n":1.0}})", .actor = "ann"});
  EXPECT_EQ(story.gate("g").answers, R"({"n":1})");
  EXPECT_EQ(story.gate("g").choice, "a");
  story.Tell("gate_approved", {.gate = "g", .payload = R"({"choice":"b"})", .actor = "ben"});
  EXPECT_THAT(story.violations(), ElementsAre("answers_differ"));
  story.Tell("gate_approved", {.gate = "g", .actor = "ben"});
  EXPECT_EQ(story.gate("g").status, GateStatus::kApproved);
  EXPECT_EQ(story.gate("g").answers, R"({"n":1})");
}

// The event says which approval it is. One of a journal that knew no such rule does not.
TEST(GateTest, AnApprovalOfAnEarlierVersionDecidesAlone) {
  JobStory story = RunningJob();
  story.Tell("gate_pause", {.gate = "g", .payload = R"({"required":2})"});
  Event event = story.Next("gate_approved", {.gate = "g", .actor = "ann"});
  EXPECT_EQ(event.approval_count, 1);
  EXPECT_EQ(event.approvals_required, 2);
  event.approval_count = event.approvals_required = 0;
  JobState state = story.state();
  Apply(state, event, "hash");
  EXPECT_EQ(state.FindGate("g")->status, GateStatus::kApproved);
}

TEST(GateTest, RulesThatCannotBeReadAreFlagged) {
  for (const char* payload :
       {R"({"required":"2"})", R"({"required":99})", R"({"allow_self":"no"})",
        R"({"approvers":[]})", R"({"fields":[{"name":"a","type":"numbr"}]})"}) {
    JobStory story = RunningJob();
    story.Tell("gate_pause", {.gate = "g", .payload = payload});
    EXPECT_THAT(story.violations(), ElementsAre("suspect_key")) << payload;
    EXPECT_EQ(story.gate("g").status, GateStatus::kPending);
  }
}

TEST(GateTest, WithoutOptionsAnyChoiceCounts) {
  JobStory story = PausedJob();
  story.Tell("gate_approved", {.gate = "g", .payload = R"({"choice":"whatever"})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.gate("g").choice, "whatever");
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

TEST(NewEpochTest, ItEndsWhatTheWorkerBeforeLeftAndNothingElse) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "done"})
      .Tell("stage_completed", {.stage = "done"})
      .Tell("stage_started", {.stage = "open"})
      .Tell("gate_pause", {.gate = "g"})
      .Tell("job_resumed", {.payload = R"({"new_epoch":true})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("done").status, StageStatus::kCompleted);
  EXPECT_EQ(story.stage("open").status, StageStatus::kAbandoned);
  EXPECT_EQ(story.gate("g").status, GateStatus::kPending) << "a gate is not passed by";
  EXPECT_EQ(story.state().status, JobStatus::kPaused);
  story.Tell("stage_started", {.stage = "open"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("open").attempt, 2);
  EXPECT_EQ(story.stage("open").epoch, 2);
  story.Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

TEST(NewEpochTest, AJobThatWasHeldWhenItWasCreatedRunsAfterItsGate) {
  JobStory story;
  story.Tell("job_created").Tell("gate_pause", {.gate = "g"});
  story.Tell("job_resumed", {.payload = R"({"new_epoch":true})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.state().epoch, 1) << "it had not run";
  story.Tell("gate_approved", {.gate = "g"});
  EXPECT_EQ(story.state().status, JobStatus::kRunning);
}

TEST(NewEpochTest, OnlyTrueAsksForIt) {
  for (const char* payload : {"", "{}", R"({"new_epoch":false})", R"({"new_epoch":null})"}) {
    JobStory story = RunningJob();
    story.Tell("job_resumed", {.payload = payload});
    EXPECT_THAT(story.violations(), ElementsAre("not_paused")) << payload;
  }
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

}  // namespace
}  // namespace stagelog
