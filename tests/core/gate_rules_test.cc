#include "core/gate_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::HasSubstr;

const char* const kNamesAnn = R"({"approvers":["ann","ben"]})";

JobState JobWithGate(const std::string& payload) {
  return JobStory()
      .Tell("job_created")
      .Tell("gate_pause", {.gate = "g", .payload = payload})
      .state();
}

std::string CodeOf(const std::optional<Refusal>& refusal) { return refusal ? refusal->code : ""; }

TEST(JudgeApproverTest, AGateThatNamesNobodyIsOpenToEveryApprover) {
  const JobState job = JobWithGate("");
  EXPECT_EQ(CodeOf(CheckApprover(&job, "g", "anyone")), "");
}

TEST(JudgeApproverTest, AGateThatNamesItsApproversIsOpenToThemAlone) {
  const JobState job = JobWithGate(kNamesAnn);
  EXPECT_EQ(CodeOf(CheckApprover(&job, "g", "ann")), "");
  EXPECT_EQ(CodeOf(CheckApprover(&job, "g", "ben")), "");
  const auto refusal = CheckApprover(&job, "g", "cat");
  ASSERT_EQ(CodeOf(refusal), "forbidden");
  EXPECT_EQ(refusal->field, "gate");
  EXPECT_THAT(refusal->detail, HasSubstr("'cat'"));
  EXPECT_THAT(refusal->detail, HasSubstr("'g'"));
}

TEST(JudgeApproverTest, NamesAreComparedWhole) {
  const JobState job = JobWithGate(kNamesAnn);
  for (const char* actor : {"", "an", "anna", "Ann", " ann"}) {
    EXPECT_EQ(CodeOf(CheckApprover(&job, "g", actor)), "forbidden") << actor;
  }
}

// A plain event for a gate that is not pending is stored and flagged, whoever sent it (guarantee 7
// in src/GUARANTEES.md).
TEST(JudgeApproverTest, OnlyAPendingGateIsGuarded) {
  EXPECT_EQ(CodeOf(CheckApprover(nullptr, "g", "cat")), "");
  const JobState job = JobWithGate(kNamesAnn);
  EXPECT_EQ(CodeOf(CheckApprover(&job, "another", "cat")), "");
  JobStory story(job);
  story.Tell("gate_approved", {.gate = "g", .actor = "ann"});
  EXPECT_EQ(CodeOf(CheckApprover(&story.state(), "g", "cat")), "");
}

TEST(JudgeApproverTest, TheIterationThatIsPendingSaysWho) {
  JobStory story(JobWithGate(kNamesAnn));
  story.Tell("gate_rejected", {.gate = "g", .actor = "ann"});
  story.Tell("gate_pause", {.gate = "g", .payload = R"({"approvers":["cat"]})"});
  EXPECT_EQ(CodeOf(CheckApprover(&story.state(), "g", "ann")), "forbidden");
  EXPECT_EQ(CodeOf(CheckApprover(&story.state(), "g", "cat")), "");
}

TEST(JudgeDecisionTest, AnUnknownJob) {
  const auto refusal = CheckDecision(nullptr, "a", "g", "ann", true);
  ASSERT_EQ(CodeOf(refusal), "unknown_job");
  EXPECT_THAT(refusal->detail, HasSubstr("'a'"));
}

TEST(JudgeDecisionTest, AnUnknownGate) {
  const JobState job = JobWithGate("");
  const auto refusal = CheckDecision(&job, "a", "other", "ann", true);
  ASSERT_EQ(CodeOf(refusal), "unknown_gate");
  EXPECT_EQ(refusal->field, "gate");
}

TEST(JudgeDecisionTest, APendingGateMayBeDecided) {
  const JobState job = JobWithGate("");
  EXPECT_EQ(CodeOf(CheckDecision(&job, "a", "g", "ann", false)), "");
}

TEST(JudgeDecisionTest, WhoComesSecondIsShownTheDecisionThatStands) {
  JobStory story(JobWithGate(""));
  story.Tell("gate_rejected",
             {.gate = "g", .payload = R"({"comment":"too dark","via":"api"})", .actor = "ann"});
  const auto refusal = CheckDecision(&story.state(), "a", "g", "ben", false);
  ASSERT_EQ(CodeOf(refusal), "gate_decided");
  EXPECT_THAT(refusal->detail, HasSubstr("rejected"));
  ASSERT_EQ(refusal->members.size(), 1u);
  EXPECT_EQ(refusal->members[0].first, "gate");
  const auto shown = nlohmann::json::parse(refusal->members[0].second);
  EXPECT_EQ(shown.at("job_id"), "a");
  EXPECT_EQ(shown.at("status"), "rejected");
  EXPECT_EQ(shown.at("decided_by"), "ann");
  EXPECT_EQ(shown.at("comment"), "too dark");
  EXPECT_EQ(shown.at("via"), "api");
}

TEST(JudgeDecisionTest, AGateThatEndedWithItsJobIsDecided) {
  JobStory story(JobWithGate(""));
  story.Tell("job_canceled");
  const auto refusal = CheckDecision(&story.state(), "a", "g", "ann", true);
  ASSERT_EQ(CodeOf(refusal), "gate_decided");
  EXPECT_THAT(refusal->detail, HasSubstr("canceled"));
}

TEST(JudgeDecisionTest, AnAdminMayDecideEveryGateButDecidesNoneTwice) {
  JobStory story(JobWithGate(kNamesAnn));
  EXPECT_EQ(CodeOf(CheckDecision(&story.state(), "a", "g", "cat", false)), "forbidden");
  EXPECT_EQ(CodeOf(CheckDecision(&story.state(), "a", "g", "cat", true)), "");
  story.Tell("gate_approved", {.gate = "g", .actor = "cat"});
  EXPECT_EQ(CodeOf(CheckDecision(&story.state(), "a", "g", "cat", true)), "gate_decided");
}

TEST(JudgeDecisionTest, TheNextIterationMayBeDecidedAgain) {
  JobStory story(JobWithGate(""));
  story.Tell("gate_rejected", {.gate = "g"}).Tell("gate_pause", {.gate = "g"});
  EXPECT_EQ(CodeOf(CheckDecision(&story.state(), "a", "g", "ann", false)), "");
}

TEST(UnknownTest, NamesWhatIsNotThere) {
  EXPECT_EQ(UnknownJob("a").code, "unknown_job");
  EXPECT_THAT(UnknownGate("a", "g").detail, HasSubstr("'g'"));
}

// --- Choices ---

// The violation and the code of the first rule that the decision breaks.
std::string Broken(const GateState& gate, EventType decision, const DecisionPayload& payload,
                   const std::string& actor = "ann") {
  const auto broken = FindBrokenRule(gate, decision, payload, actor);
  return broken ? std::string(broken->violation) + " " + broken->refusal.code : "";
}

std::string BrokenByChoice(const GateState& gate, EventType decision, const std::string& choice) {
  return Broken(gate, decision, {.comment = "", .choice = choice, .via = "", .answers = ""});
}

TEST(BrokenChoiceTest, IsOneOfThoseThatAreOffered) {
  GateState gate{.name = "g", .options = R"(["a","b \"c\""])"};
  const EventType approves = EventType::kGateApproved;
  EXPECT_EQ(BrokenByChoice(gate, approves, "a"), "");
  EXPECT_EQ(BrokenByChoice(gate, approves, "b \"c\""), "");
  EXPECT_EQ(BrokenByChoice(gate, approves, "c"), "choice_unknown invalid_field");
  const auto broken = FindBrokenRule(
      gate, approves, {.comment = "", .choice = "c", .via = "", .answers = ""}, "ann");
  EXPECT_EQ(broken->refusal.field, "choice");
  EXPECT_THAT(broken->refusal.detail, HasSubstr(gate.options));
}

TEST(BrokenChoiceTest, AnApprovalNeedsOneWhereAnyIsOffered) {
  GateState gate{.name = "g", .options = R"(["a","b"])"};
  EXPECT_EQ(BrokenByChoice(gate, EventType::kGateApproved, ""), "choice_required choice_required");
  for (const EventType type :
       {EventType::kGateRejected, EventType::kGateAutoApproved, EventType::kGateExpired}) {
    EXPECT_EQ(BrokenByChoice(gate, type, ""), "");
  }
}

TEST(BrokenChoiceTest, WhereNothingIsOfferedAnythingMayBeChosen) {
  EXPECT_EQ(BrokenByChoice(GateState{.name = "g"}, EventType::kGateApproved, "anything"), "");
}

// --- Several approvals, and who opened it ---

GateState HalfApproved() {
  return {.name = "g",
          .choice = "a",
          .required = 2,
          .approvals = {{.actor = "ann", .seq = 1, .micros = 1, .comment = "", .via = "api"}},
          .answers = R"({"n":1})"};
}

TEST(BrokenRuleTest, NobodyApprovesTwiceButMayStillReject) {
  EXPECT_EQ(Broken(HalfApproved(), EventType::kGateApproved, {}),
            "already_approved already_approved");
  EXPECT_EQ(Broken(HalfApproved(), EventType::kGateRejected, {}), "");
  EXPECT_EQ(Broken(HalfApproved(), EventType::kGateApproved, {}, "bob"), "");
}

TEST(BrokenRuleTest, WhoOpenedItDecidesItInNoWay) {
  const GateState gate{.name = "g", .allow_self = false, .opened_by = "ann"};
  for (const EventType type : {EventType::kGateApproved, EventType::kGateRejected,
                               EventType::kGateAutoApproved, EventType::kGateExpired}) {
    EXPECT_EQ(Broken(gate, type, {}), "self_decision forbidden");
  }
  EXPECT_EQ(Broken(gate, EventType::kGateApproved, {}, "bob"), "");
}

TEST(BrokenRuleTest, OnlyTheTimerApprovesAGateWithRulesByItself) {
  const EventType type = EventType::kGateAutoApproved;
  EXPECT_EQ(Broken(HalfApproved(), type, {}, "bob"), "timer_only forbidden");
  EXPECT_EQ(Broken(GateState{.name = "g", .allow_self = false}, type, {}), "timer_only forbidden");
  EXPECT_EQ(Broken(GateState{.name = "g", .fields = R"([{"name":"n","type":"number"}])"}, type, {}),
            "");
  EXPECT_EQ(Broken(HalfApproved(), type, {}, kOwnActor), "");
  EXPECT_EQ(Broken(GateState{.name = "g"}, type, {}), "");
}

TEST(BrokenRuleTest, FurtherApprovalsAreOfTheSameThing) {
  GateState gate = HalfApproved();
  gate.options = R"(["a","b"])";
  gate.fields = R"([{"name":"n","type":"number","required":true},{"name":"t","type":"text"}])";
  const auto broken = [&](const std::string& choice, const std::string& answers) {
    return Broken(gate, EventType::kGateApproved,
                  {.comment = "", .choice = choice, .via = "", .answers = answers}, "bob");
  };
  EXPECT_EQ(broken("", ""), "");
  EXPECT_EQ(broken("a", R"({"n":1.0})"), "");
  EXPECT_EQ(broken("b", ""), "answers_differ answers_differ");
  EXPECT_EQ(broken("c", ""), "choice_unknown invalid_field");
  EXPECT_EQ(broken("", R"({"n":2})"), "answers_differ answers_differ");
  EXPECT_EQ(broken("", R"({"t":"x"})"), "answers_differ answers_differ");
  EXPECT_EQ(broken("", R"({"m":1})"), "answer_invalid unknown_key");
}

TEST(JudgeDecisionTest, AnAdminWhoOpenedTheGateMayNotDecideItEither) {
  JobStory story;
  story.Tell("job_created")
      .Tell("gate_pause", {.gate = "g", .payload = R"({"allow_self":false})", .actor = "cat"});
  EXPECT_EQ(CodeOf(CheckDecision(&story.state(), "a", "g", "cat", true)), "forbidden");
  EXPECT_EQ(CodeOf(CheckDecision(&story.state(), "a", "g", "ann", true)), "");
}

}  // namespace
}  // namespace stagelog
