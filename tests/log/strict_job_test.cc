// A job that was created strict refuses what is illegal.
#include <gmock/gmock.h>

#include "tests/log/job_state_table_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

// --- Strict jobs ---

class StrictJobTest : public JobStateTableTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Append(Created()));
  }

  static EventDraft Created() {
    return Draft("a", "job_created", {.payload = R"({"strict":true})"});
  }

  void ExpectRefused(std::vector<EventDraft> drafts, std::optional<int64_t> line,
                     const std::string& why) {
    const JobState before = Find("a");
    const int64_t head_seq = logger_->GetStatus().head_seq;
    const AppendOutcome outcome = Append(std::move(drafts));
    ASSERT_FALSE(outcome) << why;
    EXPECT_EQ(outcome.error().code, "strict_violation");
    EXPECT_EQ(outcome.error().line, line);
    EXPECT_THAT(outcome.error().detail, HasSubstr(why));
    EXPECT_EQ(Find("a"), before);
    EXPECT_EQ(logger_->GetStatus().head_seq, head_seq);
  }
};

TEST_F(StrictJobTest, WhatIsIllegalIsRefusedAndChangesNothing) {
  ExpectRefused({Draft("a", "job_resumed")}, std::nullopt, "not_paused");
  ExpectRefused({Draft("a", "stage_progress", {.stage = "s", .payload = R"({"current":-1})"})},
                std::nullopt, "invalid_progress");
  ASSERT_TRUE(Tell("a", "job_started"));
  ASSERT_TRUE(Tell("a", "log", {.message = "m"}));
  EXPECT_EQ(Find("a").violation_count, 0);
  ExpectAgreement();
}

TEST_F(StrictJobTest, SoIsWhatWouldCountElsewhere) {
  ExpectRefused({Draft("a", "stage_completed", {.stage = "s"})}, std::nullopt, "end_without_start");
  ExpectRefused({Draft("a", "stage_progress", {.stage = "s"})}, std::nullopt,
                "progress_without_start");
}

TEST_F(StrictJobTest, OneOfABatchRefusesAllOfIt) {
  ExpectRefused({Draft("a", "job_started"), Draft("b", "job_created"),
                 Draft("a", "stage_started", {.stage = "s"}),
                 Draft("a", "stage_started", {.stage = "s"}), Draft("a", "job_completed")},
                4, "duplicate_start");
  EXPECT_FALSE(*logger_->reader().FindJob("b")) << "the other job of the batch was not created";
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "s"}));
  ASSERT_TRUE(Tell("b", "job_created"));
  ExpectAgreement();
}

TEST_F(StrictJobTest, WhatIsLegalOnlyByTheEventsBeforeItInTheBatchIsTaken) {
  EXPECT_TRUE(Append({Draft("a", "stage_started", {.stage = "s"}),
                      Draft("a", "stage_completed", {.stage = "s"}), Draft("a", "job_completed")}));
  EXPECT_EQ(Find("a").status, JobStatus::kCompleted);
  ExpectAgreement();
}

TEST_F(StrictJobTest, TheBatchThatCreatesItIsJudgedToo) {
  EventDraft created = Created();
  created.job_id = "b";
  AppendOutcome outcome = Append({created, Draft("b", "job_resumed")});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "strict_violation");
  EXPECT_FALSE(*logger_->reader().FindJob("b"));
  EXPECT_TRUE(Append({created, Draft("b", "job_started")}));
}

// The job's first event made it, and that is not strict: the job_created that comes after it is
// flagged, and what it says does not count.
TEST_F(StrictJobTest, AJobThatAnotherEventCreatedIsNotStrict) {
  EventDraft created = Created();
  created.job_id = "b";
  EXPECT_TRUE(Append({LogDraft("b", "m"), created, Draft("b", "job_resumed")}));
  const JobState state = Find("b");
  EXPECT_FALSE(state.strict);
  EXPECT_EQ(state.violation_count, 2);
}

TEST_F(StrictJobTest, ADuplicateIsNoViolation) {
  EventDraft started = Draft("a", "job_started");
  started.event_id = "id-1";
  ASSERT_TRUE(Append(started));
  const AppendOutcome again = Append({started, Draft("a", "log", {.message = "m"})});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->front().duplicate);
}

}  // namespace
}  // namespace stagelog
