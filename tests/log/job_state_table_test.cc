// The rows that hold what the events add up to: written with the events, and told to those who
// follow.
#include <gmock/gmock.h>

#include "tests/log/job_state_table_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- Following a job ---

TEST_F(JobStateTableTest, AdvancingNamesWhatHasChanged) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "one"}));
  ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g"}));
  JobState state;
  state.job_id = "a";
  StateChanges changes;
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_EQ(state, Find("a"));
  EXPECT_THAT(changes.stages, ElementsAre(0u));
  EXPECT_THAT(changes.gates, ElementsAre(0u));
  changes = {};
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "two"}));
  ASSERT_TRUE(Tell("a", "log", {.message = "m"}));
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_EQ(state, Find("a"));
  EXPECT_THAT(changes.stages, ElementsAre(1u));
  EXPECT_THAT(changes.gates, IsEmpty());
  changes = {};
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_THAT(changes.stages, IsEmpty());
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, nullptr));
}

TEST_F(JobStateTableTest, AdvancingFromASnapshotNamesEverything) {
  Open();
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "one"}));
  ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g"}));
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 1'200; ++i) drafts.push_back(LogDraft("a", "m"));
  ASSERT_TRUE(Append(std::move(drafts)));
  JobState state;
  state.job_id = "a";
  StateChanges changes;
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_EQ(state, Find("a"));
  EXPECT_TRUE(changes.job);
  EXPECT_THAT(changes.stages, ElementsAre(0u));
  EXPECT_THAT(changes.gates, ElementsAre(0u));
}

TEST_F(JobStateTableTest, AdvancingAnUnknownJobLeavesItAsItIs) {
  Open();
  JobState state;
  state.job_id = "nobody";
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, nullptr));
  EXPECT_EQ(state.job_seq, 0);
  EXPECT_FALSE(*logger_->reader().FindJob("nobody"));
}

TEST_F(JobStateTableTest, TheJobsThatChangedAfterASeq) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("b", "job_created"));
  ASSERT_TRUE(Tell("a", "log", {.message = "m"}));
  EXPECT_THAT(*logger_->reader().JobsChangedAfter(0), ElementsAre("a", "b"));
  EXPECT_THAT(*logger_->reader().JobsChangedAfter(2), ElementsAre("a"));
  EXPECT_THAT(*logger_->reader().JobsChangedAfter(3), IsEmpty());
}

// --- The answer of an append ---

TEST_F(JobStateTableTest, AnAppendTellsTheStatusAfterIt) {
  Open();
  EXPECT_EQ(Tell("a", "log", {.message = "m"})->front().job_status, JobStatus::kCreated);
  EXPECT_EQ(Tell("a", "job_canceled")->front().job_status, JobStatus::kCanceled);
  EXPECT_EQ(Tell("a", "stage_progress", {.stage = "s"})->front().job_status, JobStatus::kCanceled)
      << "so a worker learns of it";
}

TEST_F(JobStateTableTest, EachEventOfABatchTellsItsJobsStatusAfterTheWholeBatch) {
  Open();
  const AppendOutcome outcome =
      Append({Draft("a", "job_created"), Draft("b", "job_started"), Draft("a", "job_started"),
              Draft("a", "gate_pause", {.gate = "g"})});
  ASSERT_TRUE(outcome);
  std::vector<std::string> told;
  for (const AppendedEvent& event : *outcome) {
    told.push_back(event.job_id + " " + std::string(StatusName(event.job_status)));
  }
  EXPECT_THAT(told, ElementsAre("a paused", "b running", "a paused", "a paused"));
}

TEST_F(JobStateTableTest, ADuplicateTellsTheStatusOfNow) {
  Open();
  EventDraft draft = LogDraft("a", "m", "id-1");
  ASSERT_TRUE(Append(draft));
  ASSERT_TRUE(Tell("a", "job_canceled"));
  const AppendOutcome outcome = Append(draft);
  ASSERT_TRUE(outcome->front().duplicate);
  EXPECT_EQ(outcome->front().job_status, JobStatus::kCanceled);
}

// --- Refusals and the states that the writer keeps ---

TEST_F(JobStateTableTest, ARefusedRequestLeavesTheWritersStateAsItWas) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("a", "job_started"));
  EventDraft known = LogDraft("a", "m", "id-1");
  ASSERT_TRUE(Append(known));
  const MayResumeJob is_not_running{"a"};
  for (int round = 0; round < 3; ++round) {
    EventDraft conflict = LogDraft("a", "another", "id-1");
    EXPECT_EQ(Append({Draft("a", "job_failed"), conflict}).error().code, "event_id_conflict");
    EXPECT_EQ(Append({Draft("a", "job_failed")}, is_not_running).error().code,
              "illegal_transition");
    EXPECT_EQ(Find("a").status, JobStatus::kRunning);
  }
  const AppendOutcome outcome = Tell("a", "stage_started", {.stage = "s"});
  EXPECT_EQ(outcome->front().job_seq, 4);
  EXPECT_EQ(outcome->front().job_status, JobStatus::kRunning);
  EXPECT_EQ(Find("a").violation_count, 0);
  ExpectAgreement();
}

TEST_F(JobStateTableTest, AFailedCommitLeavesTheWritersStateAsItWas) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "s"}));
  const JobState before = Find("a");
  files_.Inject({.operation = Operation::kWrite, .path_contains = "stagelog.db"});
  EXPECT_FALSE(Tell("a", "job_failed"));
  files_.Heal();
  WaitForRetry();
  EXPECT_EQ(Find("a"), before);
  const AppendOutcome outcome = Tell("a", "stage_completed", {.stage = "s"});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->front().job_seq, 3);
  EXPECT_EQ(Find("a").violation_count, 0);
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
