#include "core/job_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "core/job_machine.h"
#include "tests/core/job_story.h"

namespace stagelog {
namespace {

using testing::HasSubstr;

// A job with so many attempts at stages "s0", "s1" and so on, each of which has ended but the last.
JobState WithAttempts(size_t count) {
  JobState state = RunningJob().state();
  for (size_t i = 0; i < count; ++i) {
    StageState stage;
    stage.path = "s" + std::to_string(i);
    stage.status = i + 1 == count ? StageStatus::kRunning : StageStatus::kCompleted;
    state.tree.SetLastAttempt(stage.path, i);
    state.stages.push_back(std::move(stage));
  }
  return state;
}

JobState WithIterations(size_t count) {
  JobState state = RunningJob().state();
  for (size_t i = 0; i < count; ++i) {
    GateState gate;
    gate.name = "g";
    gate.status = i + 1 == count ? GateStatus::kPending : GateStatus::kApproved;
    state.gates.push_back(std::move(gate));
  }
  return state;
}

std::string CodeOf(const JobState& state, const std::vector<EventDraft>& drafts) {
  JobSizeChecker judge(&state);
  for (const EventDraft& draft : drafts) {
    if (const auto refusal = judge.Take(draft)) return refusal->code;
  }
  return "";
}

TEST(JobSizeTest, AFullJobTakesNoNewAttempt) {
  const JobState full = WithAttempts(kMaxStageAttempts);
  for (const char* type : {"stage_started", "stage_progress", "stage_completed", "stage_failed"}) {
    JobSizeChecker judge(&full);
    const auto refusal = judge.Take(DraftOf(type, {.stage = "new"}));
    ASSERT_TRUE(refusal) << type;
    EXPECT_EQ(refusal->code, "job_too_large");
    EXPECT_EQ(refusal->field, "stage");
    EXPECT_THAT(refusal->detail, HasSubstr("has 20000 stage attempts"));
  }
  EXPECT_EQ(CodeOf(full, {DraftOf("stage_started", {.stage = "s0"})}), "job_too_large");
  EXPECT_EQ(CodeOf(full, {DraftOf("stage_completed", {.stage = "s0", .attempt = 2})}),
            "job_too_large");
}

TEST(JobSizeTest, AndEverythingElse) {
  const JobState full = WithAttempts(kMaxStageAttempts);
  const std::string running = "s" + std::to_string(kMaxStageAttempts - 1);
  for (const EventDraft& draft :
       {DraftOf("log", {.message = "m"}), DraftOf("stage_progress", {.stage = running}),
        DraftOf("stage_completed", {.stage = running}),
        DraftOf("stage_started", {.stage = running}), DraftOf("stage_completed", {.stage = "s0"}),
        DraftOf("gate_pause", {.gate = "g"}), DraftOf("job_completed")}) {
    EXPECT_EQ(CodeOf(full, {draft}), "") << draft.type << " " << draft.stage;
  }
  // What is flagged opens nothing.
  EXPECT_EQ(CodeOf(full, {DraftOf("job_failed"), DraftOf("stage_started", {.stage = "new"})}), "");
  EXPECT_EQ(CodeOf(full, {DraftOf("job_failed"), DraftOf("job_resumed"),
                          DraftOf("stage_started", {.stage = "new"})}),
            "job_too_large");
}

// Judged one by one, as the state machine folds them: the last that fits is taken.
TEST(JobSizeTest, ABatchIsCountedEventByEvent) {
  const JobState almost = WithAttempts(kMaxStageAttempts - 2);
  const auto start = [](const std::string& stage) {
    return DraftOf("stage_started", {.stage = stage});
  };
  const auto end = [](const std::string& stage) {
    return DraftOf("stage_completed", {.stage = stage});
  };
  EXPECT_EQ(CodeOf(almost, {start("a"), end("a"), end("a"), start("b"), start("b")}), "");
  EXPECT_EQ(CodeOf(almost, {start("a"), end("a"), start("a"), end("a"), start("a")}),
            "job_too_large");
  EXPECT_EQ(CodeOf(almost, {start("a"), start("b"), start("c")}), "job_too_large");
}

TEST(JobSizeTest, TheJudgeAndTheFoldAgreeOnWhatOpens) {
  JobStory story = RunningJob();
  size_t opened = 0;
  const auto tell = [&](const std::string& type, const EventParts& parts) {
    JobState full = story.state();
    const size_t before = full.stages.size();
    // As if there was no room: refused exactly where an attempt would be opened.
    for (size_t i = before; i < kMaxStageAttempts; ++i) full.stages.emplace_back();
    const bool refused = !CodeOf(full, {DraftOf(type, parts)}).empty();
    story.Tell(type, parts);
    const bool opens = story.state().stages.size() > before;
    opened += opens ? 1 : 0;
    EXPECT_EQ(refused, opens) << type << " " << parts.stage;
  };
  tell("stage_started", {.stage = "a"});
  tell("stage_started", {.stage = "a"});
  tell("stage_progress", {.stage = "a"});
  tell("stage_completed", {.stage = "a", .attempt = 7});
  tell("stage_completed", {.stage = "a"});
  tell("stage_progress", {.stage = "a"});
  tell("stage_started", {.stage = "a"});
  tell("stage_failed", {.stage = "a"});
  tell("stage_started", {.stage = "a", .attempt = 2});
  tell("stage_progress", {.stage = "a", .attempt = 9});
  tell("stage_completed", {.stage = "b"});
  tell("stage_progress", {.stage = "c/d"});
  tell("job_failed", {});
  tell("stage_started", {.stage = "e"});
  tell("stage_progress", {.stage = "c/d"});
  tell("job_resumed", {});
  tell("stage_progress", {.stage = "c/d"});
  EXPECT_EQ(opened, 6U);
}

TEST(JobSizeTest, GatesHaveABoundOfTheirOwn) {
  const JobState full = WithIterations(kMaxGateIterations);
  EXPECT_EQ(CodeOf(full, {DraftOf("gate_pause", {.gate = "g"})}), "") << "pending: flagged";
  EXPECT_EQ(CodeOf(full, {DraftOf("gate_pause", {.gate = "other"})}), "job_too_large");
  EXPECT_EQ(
      CodeOf(full, {DraftOf("gate_approved", {.gate = "g"}), DraftOf("gate_pause", {.gate = "g"})}),
      "job_too_large");
  EXPECT_EQ(CodeOf(full, {DraftOf("stage_started", {.stage = "s"})}), "");
}

TEST(JobSizeTest, DeepPathsCountWithAllTheirLevels) {
  std::string stages;
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 300; ++i) {
    std::string path = "s" + std::to_string(i);
    for (int level = 0; level < 199; ++level) path += "/x";
    drafts.push_back(DraftOf("stage_started", {.stage = path}));
    stages += (stages.empty() ? "\"" : ",\"") + path + "\"";
  }
  const JobState running = RunningJob().state();
  EXPECT_EQ(CodeOf(running, drafts), "job_too_large");
  EXPECT_EQ(CodeOf(running, {drafts.begin(), drafts.begin() + 200}), "");
  const EventDraft created = DraftOf("job_created", {.payload = "{\"stages\":[" + stages + "]}"});
  const auto refusal = JobSizeChecker(nullptr).Take(created);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "job_too_large");
  EXPECT_EQ(refusal->field, "payload.stages");
  EXPECT_FALSE(IsWellBelowLimits(nullptr, std::vector{created}));
}

TEST(JobSizeTest, FarFromTheBoundsNobodyCounts) {
  const std::vector<EventDraft> drafts(100, DraftOf("stage_started", {.stage = "a/b"}));
  EXPECT_TRUE(IsWellBelowLimits(nullptr, drafts));
  const JobState almost = WithAttempts(kMaxStageAttempts - 99);
  EXPECT_FALSE(IsWellBelowLimits(&almost, drafts));
  EXPECT_TRUE(IsWellBelowLimits(&almost, std::vector(100, DraftOf("log"))));
}

TEST(JobSizeTest, BytesGrowWithWhatIsHeld) {
  JobStory story = RunningJob();
  const size_t before = BytesOf(story.state());
  story.Tell("stage_started", {.stage = "a", .message = std::string(10'000, 'm')});
  const size_t after = BytesOf(story.state());
  EXPECT_GT(after, before + 10'000);
  story.Tell("stage_progress", {.stage = "a", .message = "m"});
  EXPECT_LT(BytesOf(story.state()), after - 9'000);
}

}  // namespace
}  // namespace stagelog
