// What each precondition refuses, in which words.
#include "core/precondition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::StartsWith;

const char* const kForAnnAndBen = R"({"approvers":["ann","ben"]})";

// The job "a", and no other.
class PreconditionTest : public testing::Test {
 protected:
  std::optional<Refusal> Check(const Precondition& precondition) const {
    return CheckPrecondition(precondition, [this](const std::string& job_id) {
      return job_id == "a" && story_.state().job_seq > 0 ? &story_.state() : nullptr;
    });
  }

  // "code: detail", or "ok".
  std::string Told(const Precondition& precondition) const {
    const auto refusal = Check(precondition);
    return refusal ? refusal->code + ": " + refusal->detail : "ok";
  }

  std::string Code(const Precondition& precondition) const {
    const auto refusal = Check(precondition);
    return refusal ? refusal->code : "ok";
  }

  JobStory story_;
};

TEST_F(PreconditionTest, AreEqualWhenAllTheyHoldIs) {
  EXPECT_EQ(Precondition(MayCancelJob{"a"}), Precondition(MayCancelJob{"a"}));
  EXPECT_NE(Precondition(MayCancelJob{"a"}), Precondition(MayCancelJob{"b"}));
  EXPECT_NE(Precondition(MayCancelJob{"a"}), Precondition(MayResumeJob{"a"}));
  const MayDecideGate decides{.job_id = "a", .gate = "g", .actor = "ann"};
  MayDecideGate other = decides;
  other.is_admin = true;
  EXPECT_NE(Precondition(decides), Precondition(other));
}

TEST_F(PreconditionTest, AJobMustBeNew) {
  EXPECT_EQ(Told(JobMustBeNew{"a"}), "ok");
  story_.Tell("log");
  EXPECT_EQ(Told(JobMustBeNew{"b"}), "ok");
  const auto refusal = Check(JobMustBeNew{"a"});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "job_exists");
  EXPECT_EQ(refusal->detail, "job 'a' already exists");
  EXPECT_EQ(refusal->field, "job_id");
}

TEST_F(PreconditionTest, AJobThatIsOverCannotBeCanceled) {
  EXPECT_EQ(Told(MayCancelJob{"a"}), "unknown_job: there is no job 'a'");
  story_.Tell("job_created");
  EXPECT_EQ(Told(MayCancelJob{"a"}), "ok");
  story_.Tell("job_started");
  EXPECT_EQ(Told(MayCancelJob{"a"}), "ok");
  story_.Tell("gate_pause", {.gate = "g"});
  EXPECT_EQ(Told(MayCancelJob{"a"}), "ok");
  story_.Tell("job_failed", {.message = "out of memory"});
  const auto refusal = Check(MayCancelJob{"a"});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "illegal_transition");
  EXPECT_EQ(refusal->detail, "job 'a' is failed (out of memory) and cannot be canceled any more");
  EXPECT_EQ(refusal->field, "");
  EXPECT_THAT(refusal->members,
              ElementsAre(Pair("job_status", "\"failed\""), Pair("violation", "\"job_over\"")));
}

TEST_F(PreconditionTest, WhatWasGrantedForAJobEndsWithIt) {
  EXPECT_EQ(Code(JobNotOver{"a"}), "ok") << "its first event creates it";
  story_.Tell("job_created").Tell("gate_pause", {.gate = "g"});
  EXPECT_EQ(Code(JobNotOver{"a"}), "ok");
  story_.Tell("job_canceled");
  EXPECT_EQ(Code(JobNotOver{"a"}), "invalid_ticket");
  story_.Tell("job_resumed");
  EXPECT_EQ(Code(JobNotOver{"a"}), "ok");
}

TEST_F(PreconditionTest, AJobThatIsNeitherPausedNorOverCannotBeResumed) {
  EXPECT_EQ(Told(MayResumeJob{"a"}), "unknown_job: there is no job 'a'");
  story_.Tell("job_created").Tell("job_started");
  const auto refusal = Check(MayResumeJob{"a"});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "illegal_transition");
  EXPECT_EQ(refusal->detail, "job 'a' is running; only a paused or ended job can be resumed");
  EXPECT_THAT(refusal->members,
              ElementsAre(Pair("job_status", "\"running\""), Pair("violation", "\"not_paused\"")));
  story_.Tell("job_completed");
  EXPECT_EQ(Told(MayResumeJob{"a"}), "ok");
}

TEST_F(PreconditionTest, APendingGateIsDecidedBeforeTheJobIsResumed) {
  story_.Tell("job_created").Tell("gate_pause", {.gate = "g"});
  EXPECT_EQ(Told(MayResumeJob{"a"}),
            "illegal_transition: job 'a' is paused (gate g is pending); decide the gate before "
            "resuming the job");
  story_.Tell("gate_rejected", {.gate = "g"});
  EXPECT_EQ(Told(MayResumeJob{"a"}), "ok");
}

TEST_F(PreconditionTest, WhoDecidesAGateIsJudgedByTheStateThatTheWriterFinds) {
  story_.Tell("job_created")
      .Tell("gate_pause", {.gate = "g", .payload = R"({"options":["a"],"approvers":["ann"]})"});
  const auto code = [&](const std::string& actor, const std::string& payload, bool is_admin) {
    const EventDraft decision =
        DraftOf("gate_approved", {.gate = "g", .payload = payload, .actor = actor});
    return Code(MayDecide(decision, is_admin));
  };
  EXPECT_EQ(code("ann", "", false), "choice_required");
  EXPECT_EQ(code("ann", R"({"choice":"a"})", false), "ok");
  EXPECT_EQ(code("ann", R"({"choice":"z"})", false), "invalid_field");
  EXPECT_EQ(code("cat", "", false), "forbidden");
  EXPECT_EQ(code("cat", R"({"choice":"a"})", true), "ok");
  EXPECT_EQ(Code(MayDecide(DraftOf("gate_rejected", {.gate = "g", .actor = "ann"}), false)), "ok");
  EXPECT_EQ(Code(MayDecide(DraftOf("gate_approved", {.gate = "h"}), true)), "unknown_gate");
  story_.Tell("gate_expired", {.gate = "g"});
  EXPECT_EQ(code("ann", R"({"choice":"z"})", false), "gate_decided");
  EXPECT_EQ(Code(MayDecideGate{.job_id = "b", .gate = "g"}), "unknown_job");
}

TEST_F(PreconditionTest, ADecisionIsHeldAsFarAsItIsJudged) {
  const EventDraft decision =
      DraftOf("gate_rejected",
              {.gate = "g", .payload = R"({"comment":"no","choice":"x"})", .actor = "ann"});
  EXPECT_EQ(MayDecide(decision, true), (MayDecideGate{.job_id = "a",
                                                      .gate = "g",
                                                      .decision = EventType::kGateRejected,
                                                      .choice = "x",
                                                      .actor = "ann",
                                                      .is_admin = true}));
}

TEST_F(PreconditionTest, TheRulesOfAGateHoldForCommands) {
  story_.Tell("job_created")
      .Tell("gate_pause", {.gate = "g",
                           .payload = R"({"required":2,"allow_self":false,)"
                                      R"("fields":[{"name":"n","type":"number","required":true}]})",
                           .actor = "opener"});
  const auto code = [&](const std::string& actor, const std::string& payload, bool is_admin) {
    return Code(MayDecide(
        DraftOf("gate_approved", {.gate = "g", .payload = payload, .actor = actor}), is_admin));
  };
  const char* const kOne = R"({"answers":{"n":1}})";
  EXPECT_EQ(code("opener", kOne, true), "forbidden");
  EXPECT_EQ(code("ann", "", false), "answer_required");
  EXPECT_EQ(code("ann", R"({"answers":{"n":"1"}})", false), "invalid_field");
  EXPECT_EQ(code("ann", R"({"answers":{"n":1,"m":1}})", false), "unknown_key");
  EXPECT_EQ(code("ann", kOne, false), "ok");
  story_.Tell("gate_approved", {.gate = "g", .payload = kOne, .actor = "ann"});
  EXPECT_EQ(code("ann", kOne, true), "already_approved");
  EXPECT_EQ(code("ben", R"({"answers":{"n":2}})", false), "answers_differ");
  EXPECT_EQ(code("ben", "", false), "ok");
  // The timer's decision is none of theirs.
  EXPECT_EQ(Code(GateStillPending{"a", "g", story_.gate("g").opened_seq}), "ok");
}

TEST_F(PreconditionTest, ATimerDecidesTheVeryIterationThatItWaitedFor) {
  story_.Tell("job_created");
  EXPECT_EQ(Told(GateStillPending{"b", "g", 20}), "unknown_job: there is no job 'b'");
  EXPECT_EQ(Told(GateStillPending{"a", "g", 20}), "unknown_gate: job 'a' has no gate 'g'");
  story_.Tell("gate_pause", {.gate = "g", .payload = kForAnnAndBen});
  const int64_t opened_seq = story_.gate("g").opened_seq;
  EXPECT_EQ(Told(GateStillPending{"a", "g", opened_seq}), "ok") << "nobody names the timer";
  story_.Tell("gate_rejected", {.gate = "g", .actor = "ann"});
  EXPECT_THAT(Told(GateStillPending{"a", "g", opened_seq}),
              StartsWith("gate_decided: gate 'g' was already rejected at "));
  story_.Tell("gate_pause", {.gate = "g"});
  const auto refusal = Check(GateStillPending{"a", "g", opened_seq});
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "gate_decided");
  EXPECT_EQ(refusal->detail, "gate 'g' was decided and reopened");
  EXPECT_EQ(refusal->field, "gate");
  EXPECT_THAT(refusal->members, IsEmpty());
  EXPECT_EQ(Told(GateStillPending{"a", "g", story_.gate("g").opened_seq}), "ok");
}

// --- Decisions that come as plain events ---

class ApproversAllowTest : public PreconditionTest {
 protected:
  ApproversAllowTest() {
    story_.Tell("job_created").Tell("gate_pause", {.gate = "g", .payload = kForAnnAndBen});
  }

  std::string CodeFor(const std::vector<EventDraft>& drafts) const {
    const auto precondition = ApproversMustAllow(drafts);
    return precondition ? Code(*precondition) : "none";
  }
};

TEST_F(ApproversAllowTest, EveryDecisionIsJudged) {
  EXPECT_EQ(CodeFor({DraftOf("log", {.actor = "cat"})}), "none");
  EXPECT_EQ(CodeFor({DraftOf("gate_pause", {.gate = "h", .payload = kForAnnAndBen})}), "none");
  for (const char* type :
       {"gate_approved", "gate_rejected", "gate_auto_approved", "gate_expired"}) {
    EXPECT_EQ(CodeFor({DraftOf(type, {.gate = "g", .actor = "ann"})}), "ok") << type;
    const auto refusal = Check(*ApproversMustAllow({DraftOf(type, {.gate = "g", .actor = "cat"})}));
    ASSERT_TRUE(refusal) << type;
    EXPECT_EQ(refusal->code, "forbidden") << type;
    EXPECT_EQ(refusal->line, std::nullopt) << type;
  }
}

TEST_F(ApproversAllowTest, OfABatchTheLineIsNamed) {
  const auto precondition = ApproversMustAllow(
      {DraftOf("log", {.actor = "cat"}), DraftOf("gate_approved", {.gate = "g", .actor = "cat"})});
  const auto refusal = Check(*precondition);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "forbidden");
  EXPECT_EQ(refusal->detail,
            "only the approvers of gate 'g' ('ann', 'ben') or the role 'admin' may decide it; "
            "token 'cat' is neither");
  EXPECT_EQ(refusal->field, "gate");
  EXPECT_EQ(refusal->line, 2);
}

TEST_F(ApproversAllowTest, AGateThatTheBatchItselfOpensIsGuardedToo) {
  const EventDraft pause = DraftOf("gate_pause", {.gate = "h", .payload = kForAnnAndBen});
  EXPECT_EQ(CodeFor({pause, DraftOf("gate_approved", {.gate = "h", .actor = "cat"})}), "forbidden");
  EXPECT_EQ(CodeFor({pause, DraftOf("gate_approved", {.gate = "h", .actor = "ben"})}), "ok");
}

TEST_F(ApproversAllowTest, WhoOpensAGateMayBeForbiddenToDecideIt) {
  const EventDraft pause =
      DraftOf("gate_pause", {.gate = "h", .payload = R"({"allow_self":false})", .actor = "cat"});
  EXPECT_EQ(CodeFor({pause, DraftOf("gate_approved", {.gate = "h", .actor = "cat"})}), "forbidden");
  story_.Tell("gate_pause", {.gate = "h", .payload = R"({"allow_self":false})", .actor = "cat"});
  EXPECT_EQ(CodeFor({DraftOf("gate_rejected", {.gate = "h", .actor = "cat"})}), "forbidden");
  EXPECT_EQ(CodeFor({DraftOf("gate_rejected", {.gate = "h", .actor = "ann"})}), "ok");
}

TEST_F(ApproversAllowTest, WhatTheBatchOpensAfterTheDecisionDoesNotGuardIt) {
  const EventDraft pause = DraftOf("gate_pause", {.gate = "h", .payload = kForAnnAndBen});
  EXPECT_EQ(CodeFor({DraftOf("gate_approved", {.gate = "h", .actor = "cat"}), pause}), "ok");
}

TEST_F(ApproversAllowTest, AGateOfAnotherNameOrJobThatTheBatchOpensGuardsNothing) {
  EventDraft elsewhere = DraftOf("gate_pause", {.gate = "h", .payload = kForAnnAndBen});
  elsewhere.job_id = "b";
  EXPECT_EQ(CodeFor({DraftOf("gate_pause", {.gate = "i", .payload = kForAnnAndBen}), elsewhere,
                     DraftOf("gate_approved", {.gate = "h", .actor = "cat"})}),
            "ok");
}

TEST_F(ApproversAllowTest, ALaterListOfTheBatchIsNotPassedOver) {
  const EventDraft for_ann = DraftOf("gate_pause", {.gate = "h", .payload = kForAnnAndBen});
  const EventDraft for_cat =
      DraftOf("gate_pause", {.gate = "h", .payload = R"({"approvers":["cat"]})"});
  const EventDraft decision = DraftOf("gate_approved", {.gate = "h", .actor = "cat"});
  EXPECT_EQ(CodeFor({for_cat, decision}), "ok");
  const auto refusal = Check(*ApproversMustAllow({for_cat, decision, for_ann, for_cat, decision}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "forbidden");
  EXPECT_EQ(refusal->line, 5);
}

TEST_F(ApproversAllowTest, APauseThatChangesNothingLetsNobodyIn) {
  const EventDraft pause =
      DraftOf("gate_pause", {.gate = "g", .payload = R"({"approvers":["cat"]})"});
  EXPECT_EQ(CodeFor({pause, DraftOf("gate_approved", {.gate = "g", .actor = "cat"})}), "forbidden")
      << "the gate is pending: the second pause is illegal";
}

TEST_F(ApproversAllowTest, HoldsWhatIsJudgedOfTheDraftsAndNothingElse) {
  const auto precondition = ApproversMustAllow(
      {DraftOf("log", {.message = "hello"}),
       DraftOf("gate_pause", {.gate = "open", .payload = R"({"prompt":"Ready?"})"}),
       DraftOf("gate_pause", {.gate = "h", .payload = kForAnnAndBen}),
       DraftOf("gate_approved",
               {.gate = "h", .payload = R"({"comment":"fine"})", .actor = "ann"})});
  ASSERT_TRUE(precondition);
  EXPECT_EQ(*precondition, (ApproversAllow{.actor = "ann",
                                           .draft_count = 4,
                                           .openings = {{3, "a", "h", {"ann", "ben"}}},
                                           .decisions = {{4, "a", "h"}}}));
}

}  // namespace
}  // namespace stagelog
