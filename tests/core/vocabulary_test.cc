#include "core/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace stagelog {
namespace {

using testing::ElementsAre;

// One row of the table of types in src/api/README.md, written out.
struct Row {
  const char* name;
  EventType type;
  const char* needs;  // "stage", "gate", "message" or nothing
  const char* status;
  const char* level;
};

constexpr Row kDesign[] = {
    {"job_created", EventType::kJobCreated, "", "created", "info"},
    {"job_started", EventType::kJobStarted, "", "running", "info"},
    {"job_resumed", EventType::kJobResumed, "", "running", "info"},
    {"job_completed", EventType::kJobCompleted, "", "completed", "info"},
    {"job_failed", EventType::kJobFailed, "", "failed", "error"},
    {"job_canceled", EventType::kJobCanceled, "", "canceled", "warning"},
    {"stage_started", EventType::kStageStarted, "stage", "running", "info"},
    {"stage_progress", EventType::kStageProgress, "stage", "running", "info"},
    {"stage_completed", EventType::kStageCompleted, "stage", "completed", "info"},
    {"stage_failed", EventType::kStageFailed, "stage", "failed", "error"},
    {"gate_pause", EventType::kGatePause, "gate", "paused", "warning"},
    {"gate_approved", EventType::kGateApproved, "gate", "approved", "info"},
    {"gate_rejected", EventType::kGateRejected, "gate", "rejected", "warning"},
    {"gate_auto_approved", EventType::kGateAutoApproved, "gate", "approved", "info"},
    {"gate_expired", EventType::kGateExpired, "gate", "expired", "warning"},
    {"log", EventType::kLog, "message", "", "info"},
    {"heartbeat", EventType::kHeartbeat, "", "", "info"},
};

class VocabularyTest : public testing::TestWithParam<Row> {};

TEST_P(VocabularyTest, TheRowIsTheDesigns) {
  const Row& row = GetParam();
  const TypeTraits* traits = FindType(row.name);
  ASSERT_NE(traits, nullptr);
  EXPECT_EQ(traits->name, row.name);
  EXPECT_EQ(traits->type, row.type);
  EXPECT_EQ(traits->status, row.status);
  EXPECT_EQ(traits->level, row.level);
  EXPECT_EQ(traits->needs_stage, std::string(row.needs) == "stage");
  EXPECT_EQ(traits->needs_gate, std::string(row.needs) == "gate");
  EXPECT_EQ(traits->needs_message, std::string(row.needs) == "message");
}

INSTANTIATE_TEST_SUITE_P(Design, VocabularyTest, testing::ValuesIn(kDesign),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(AllTypesTest, HasTheRowsOfTheDesignAndNoOthers) {
  std::set<std::string_view> design;
  for (const Row& row : kDesign) design.insert(row.name);
  std::set<std::string_view> ours;
  for (const TypeTraits& traits : AllTypes()) ours.insert(traits.name);
  EXPECT_EQ(ours, design);
  EXPECT_EQ(AllTypes().size(), std::size(kDesign));
}

// A gate's decision needs `approver`.
TEST(AllTypesTest, OnlyGateDecisionsAreGateDecisions) {
  std::set<std::string_view> decisions;
  for (const TypeTraits& traits : AllTypes()) {
    if (traits.is_gate_decision) decisions.insert(traits.name);
  }
  EXPECT_THAT(decisions,
              ElementsAre("gate_approved", "gate_auto_approved", "gate_expired", "gate_rejected"));
}

// x-[a-z0-9._-]{1,63}
TEST(FindTypeTest, TheUsersOwnTypes) {
  for (const std::string& name : {std::string("x-a"), std::string("x-render.frame_done-2"),
                                  std::string("x--"), "x-" + std::string(63, 'a')}) {
    const TypeTraits* traits = FindType(name);
    ASSERT_NE(traits, nullptr) << name;
    EXPECT_EQ(traits->type, EventType::kCustom);
    EXPECT_EQ(traits->status, "");
    EXPECT_FALSE(traits->needs_stage || traits->needs_gate || traits->needs_message);
  }
}

TEST(FindTypeTest, RefusesAllOthers) {
  for (const std::string& name :
       {std::string(), std::string("x"), std::string("x-"), "x-" + std::string(64, 'a'),
        std::string("x-A"), std::string("X-a"), std::string("x-a b"), std::string("x-a/b"),
        std::string("x-\xc3\xa9"), std::string("x-a\0", 4), std::string("Log"), std::string("log "),
        std::string("log\0", 4), std::string("job_create")}) {
    EXPECT_EQ(FindType(name), nullptr) << name;
  }
}

TEST(NearestTypeNameTest, NamesTheNearest) {
  EXPECT_EQ(NearestTypeName("job_complete"), "job_completed");
  EXPECT_EQ(NearestTypeName("StageStarted"), "stage_started");
  EXPECT_EQ(NearestTypeName("lgo"), "log");
}

TEST(LevelTest, AreFiveFromTheLeastSevere) {
  EXPECT_THAT(AllLevels(), ElementsAre("debug", "info", "warning", "error", "critical"));
  EXPECT_TRUE(IsLevel("warning"));
  for (const char* name : {"", "warn", "INFO", "trace", "info "}) EXPECT_FALSE(IsLevel(name));
}

}  // namespace
}  // namespace stagelog
