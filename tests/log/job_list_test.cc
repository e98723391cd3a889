// Jobs and gates are listed by what filters ask of their rows.
#include <gmock/gmock.h>

#include "core/job_state_json.h"
#include "tests/log/job_state_table_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// --- Listing jobs ---

class ListJobsTest : public JobStateTableTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Tell("render-1", "job_created", {.payload = R"({"pipeline":"film"})"}));
    ASSERT_TRUE(Tell("render-2", "job_created", {.payload = R"({"pipeline":"Film 2"})"}));
    ASSERT_TRUE(Tell("etl-1", "job_created", {.payload = R"({"pipeline":"etl"})"}));
    ASSERT_TRUE(Tell("etl-2", "job_started"));
    ASSERT_TRUE(Tell("render-1", "job_failed", {.message = "Out of memory"}));
    ASSERT_TRUE(Tell("etl-1", "gate_pause", {.gate = "review"}));
  }
};

TEST_F(ListJobsTest, TheYoungestJobFirst) {
  EXPECT_THAT(JobsOf({}), ElementsAre("etl-2", "etl-1", "render-2", "render-1"));
}

TEST_F(ListJobsTest, ByStatus) {
  EXPECT_THAT(JobsOf({.statuses = {"created"}}), ElementsAre("render-2"));
  EXPECT_THAT(JobsOf({.statuses = {"failed", "paused"}}), ElementsAre("etl-1", "render-1"));
  EXPECT_THAT(JobsOf({.statuses = {"completed"}}), IsEmpty());
}

TEST_F(ListJobsTest, AreCountedByStatus) {
  const Result<JobCensus> census = logger_->reader().CountJobs();
  ASSERT_TRUE(census);
  EXPECT_THAT(census->jobs, UnorderedElementsAre(Pair("created", 1), Pair("failed", 1),
                                                 Pair("paused", 1), Pair("running", 1)));
  EXPECT_EQ(census->pending_gates, 1);
  EXPECT_GT(census->oldest_pending_micros, 0);
  ASSERT_TRUE(Tell("etl-1", "gate_approved", {.gate = "review"}));
  const Result<JobCensus> later = logger_->reader().CountJobs();
  ASSERT_TRUE(later);
  EXPECT_EQ(later->pending_gates, 0);
  EXPECT_EQ(later->oldest_pending_micros, 0);
}

// However many events there are, only an index of jobs is read, and of gates the pending ones.
TEST_F(ListJobsTest, CountingReadsNothingButAnIndex) {
  Close();
  SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READONLY);
  for (const char* sql : {"SELECT status, count(*) FROM jobs GROUP BY status",
                          "SELECT count(*), coalesce(min(opened_seq), 0) FROM gates "
                          "WHERE status = 'pending'"}) {
    SQLite::Statement plan(database, std::string("EXPLAIN QUERY PLAN ") + sql);
    std::string text;
    while (plan.executeStep()) text += plan.getColumn(3).getString() + "\n";
    EXPECT_THAT(text, HasSubstr("COVERING INDEX")) << sql;
    EXPECT_THAT(text, Not(HasSubstr("TEMP B-TREE"))) << sql;
  }
}

TEST_F(ListJobsTest, ByPipelineExactly) {
  EXPECT_THAT(JobsOf({.pipelines = {"film"}}), ElementsAre("render-1"));
  EXPECT_THAT(JobsOf({.pipelines = {"film", "etl"}}), ElementsAre("etl-1", "render-1"));
  EXPECT_THAT(JobsOf({.pipelines = {"'; DROP TABLE jobs; --", "\"]"}}), IsEmpty());
}

TEST_F(ListJobsTest, ByLabels) {
  ASSERT_TRUE(Tell("a", "job_created", {.payload = R"({"labels":{"team":"film","n":"42"}})"}));
  ASSERT_TRUE(Tell("b", "job_created", {.payload = R"({"labels":{"team":"etl"}})"}));
  ASSERT_TRUE(Tell("c", "job_created", {.payload = R"({"labels":{"env":"film","v":"\"x\""}})"}));
  EXPECT_THAT(JobsOf({.labels = {{"team", "film"}}}), ElementsAre("a"));
  EXPECT_THAT(JobsOf({.labels = {{"team", std::nullopt}}}), ElementsAre("b", "a"));
  EXPECT_THAT(JobsOf({.labels = {{"team", std::nullopt}, {"n", "42"}}}), ElementsAre("a"));
  EXPECT_THAT(JobsOf({.labels = {{"team", "film"}, {"team", "etl"}}}), IsEmpty());
  EXPECT_THAT(JobsOf({.labels = {{"v", "\"x\""}}}), ElementsAre("c"));
  EXPECT_THAT(JobsOf({.labels = {{"team", "Film"}}}), IsEmpty());
  EXPECT_THAT(JobsOf({.labels = {{"x", "'; DROP TABLE jobs; --"}}}), IsEmpty());
}

TEST_F(ListJobsTest, ByTextInIdPipelineAndReasonWhateverTheCase) {
  EXPECT_THAT(JobsOf({.text = "ETL-"}), ElementsAre("etl-2", "etl-1"));
  EXPECT_THAT(JobsOf({.text = "fILM"}), ElementsAre("render-2", "render-1"));
  EXPECT_THAT(JobsOf({.text = "out of MEMORY"}), ElementsAre("render-1"));
  EXPECT_THAT(JobsOf({.text = "review is pending"}), ElementsAre("etl-1"));
  EXPECT_THAT(JobsOf({.text = "%"}), IsEmpty());
}

TEST_F(ListJobsTest, ByTheTimeOfTheLastEventExclusively) {
  const int64_t created = Find("etl-2").updated_at_micros;
  EXPECT_THAT(JobsOf({.updated_after_micros = created}), ElementsAre("etl-1", "render-1"));
  EXPECT_THAT(JobsOf({.updated_after_micros = created - 1}),
              ElementsAre("etl-2", "etl-1", "render-1"));
}

TEST_F(ListJobsTest, AllConditionsAtOnce) {
  EXPECT_THAT(JobsOf({.statuses = {"failed", "created"}, .pipelines = {"film"}, .text = "memory"}),
              ElementsAre("render-1"));
}

TEST_F(ListJobsTest, PagesFollowEachOtherWithoutLossThoughJobsCome) {
  EXPECT_THAT(JobsOf({.limit = 2}), ElementsAre("etl-2", "etl-1"));
  const int64_t cursor = Find("etl-1").first_seq;
  ASSERT_TRUE(Tell("a-new-one", "job_created"));
  EXPECT_THAT(JobsOf({.before_first_seq = cursor, .limit = 2}),
              ElementsAre("render-2", "render-1"));
  EXPECT_THAT(JobsOf({.before_first_seq = Find("render-1").first_seq}), IsEmpty());
}

TEST_F(ListJobsTest, EachWithItsSummary) {
  const auto jobs = logger_->reader().ListJobs({.limit = 10});
  ASSERT_TRUE(jobs);
  for (const JobListing& job : *jobs) {
    const JobState state = Find(job.job_id);
    EXPECT_EQ(job.summary, EncodeJobSummary(state, state.Done()));
    EXPECT_EQ(job.first_seq, state.first_seq);
    EXPECT_EQ(job.is_over, job.job_id == "render-1");
  }
}

// --- Listing gates ---

class ListGatesTest : public JobStateTableTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g"}));
    ASSERT_TRUE(Tell("a", "gate_rejected", {.gate = "g"}));
    ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g", .payload = R"({"timeout_seconds":600})"}));
    ASSERT_TRUE(Tell("b", "gate_pause",
                     {.gate = "h", .payload = R"({"timeout_seconds":60,"on_timeout":"approve"})"}));
    ASSERT_TRUE(Tell("b", "gate_pause", {.gate = "i"}));
  }
};

TEST_F(ListGatesTest, EveryIterationInTheOrderOfItsOpening) {
  EXPECT_THAT(Names(logger_->reader().ListGates({})),
              ElementsAre("a/g@1", "a/g@3", "b/h@4", "b/i@5"));
}

TEST_F(ListGatesTest, ByStatus) {
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"pending"}})),
              ElementsAre("a/g@3", "b/h@4", "b/i@5"));
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"rejected", "expired"}})),
              ElementsAre("a/g@1"));
}

TEST_F(ListGatesTest, PagesFollowEachOther) {
  EXPECT_THAT(Names(logger_->reader().ListGates({.limit = 2})), ElementsAre("a/g@1", "a/g@3"));
  EXPECT_THAT(Names(logger_->reader().ListGates({.after_opened_seq = 3, .limit = 2})),
              ElementsAre("b/h@4", "b/i@5"));
}

TEST_F(ListGatesTest, EachWithItsDocument) {
  const auto gates = logger_->reader().ListGates({.after_opened_seq = 3, .limit = 1});
  ASSERT_TRUE(gates);
  const JobState job = Find("b");
  EXPECT_EQ(gates->front().document, EncodeGateIteration("b", *job.FindGate("h")));
  EXPECT_EQ(gates->front().on_timeout, "approve");
  EXPECT_EQ(gates->front().expires_at_micros, job.FindGate("h")->ExpiresAtMicros());
}

TEST_F(ListGatesTest, TheGatesOfAJobThatEndsArePendingNoMore) {
  ASSERT_TRUE(Tell("a", "job_canceled"));
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"pending"}})),
              ElementsAre("b/h@4", "b/i@5"));
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"canceled"}})), ElementsAre("a/g@3"));
}

}  // namespace
}  // namespace stagelog
