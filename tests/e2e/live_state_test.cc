// What the answers about a job say beyond its events: what goes on now; and what of it is known
// only by declaration: pending stages, labels, how much is done.
#include <gmock/gmock.h>

#include "base/timestamp.h"
#include "core/job_state_json.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LiveStateTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  static int64_t MicrosOf(const Json& object, const char* key) {
    return ParseTimestamp(object.at(key).get<std::string>()).value_or(0);
  }

  std::vector<std::string> ListedJobs(const std::string& query) {
    std::vector<std::string> ids;
    const Json answer = GetJson("/api/v1/jobs" + query);
    for (const Json& job : answer["jobs"]) ids.push_back(job["job_id"]);
    return ids;
  }
};

TEST_F(LiveStateTest, DurationsOfWhatRunsGoOnInThePlainAnswerAlone) {
  Append("j", R"({"type":"job_started"})");
  Append("j", R"({"type":"stage_started","stage":"done"})");
  Append("j", R"({"type":"stage_completed","stage":"done"})");
  const int64_t seq = SeqOf(Append("j", R"({"type":"stage_started","stage":"encode"})"));
  const Json job = GetJson("/api/v1/jobs/j");
  EXPECT_EQ(job["live"], true);
  const int64_t as_of = MicrosOf(job, "as_of");
  EXPECT_GE(as_of, MicrosOf(job, "updated_at"));
  EXPECT_EQ(job["duration_ms"], (as_of - MicrosOf(job, "created_at")) / 1'000);
  EXPECT_EQ(job["worked_ms"], job["duration_ms"]);
  EXPECT_EQ(job["stages"][1]["duration_ms"],
            (as_of - MicrosOf(job["stages"][1], "started_at")) / 1'000);
  EXPECT_EQ(
      job["stages"][0]["duration_ms"],
      (MicrosOf(job["stages"][0], "ended_at") - MicrosOf(job["stages"][0], "started_at")) / 1'000);
  const Json row = GetJson("/api/v1/jobs")["jobs"][0];
  EXPECT_EQ(row["live"], true);
  EXPECT_EQ(row["duration_ms"], (MicrosOf(row, "as_of") - MicrosOf(row, "created_at")) / 1'000);

  const Json past = GetJson("/api/v1/jobs/j?at_seq=" + std::to_string(seq));
  EXPECT_FALSE(past.contains("live"));
  EXPECT_FALSE(past.contains("as_of"));
  EXPECT_EQ(past["duration_ms"],
            (MicrosOf(past, "updated_at") - MicrosOf(past, "created_at")) / 1'000);
  EXPECT_EQ(past["stages"][1]["duration_ms"], 0);
}

TEST_F(LiveStateTest, WaitingGoesOnWhileAGateIsPending) {
  Append("j", R"({"type":"gate_pause","gate":"g"})");
  const Json job = GetJson("/api/v1/jobs/j");
  EXPECT_EQ(job["waited_ms"], job["duration_ms"]);
  EXPECT_EQ(job["worked_ms"], 0);
}

TEST_F(LiveStateTest, WhatIsOverHasEnded) {
  Append("j", R"({"type":"stage_started","stage":"encode"})");
  const int64_t seq = SeqOf(Append("j", R"({"type":"job_completed"})"));
  Json job = GetJson("/api/v1/jobs/j");
  EXPECT_FALSE(job.contains("live"));
  job.erase("head_seq");
  EXPECT_EQ(job, GetJson("/api/v1/jobs/j?at_seq=" + std::to_string(seq)));
}

TEST_F(LiveStateTest, DeclaredStagesThatHaveNotBegunArePending) {
  admin().Post("/api/v1/jobs", R"({"job_id":"j","stages":["build","publish"]})");
  Append("j", R"({"type":"stage_started","stage":"build"})");
  Append("j", R"({"type":"stage_completed","stage":"build"})");
  Append("j", R"({"type":"gate_pause","gate":"review"})");
  const Json job = GetJson("/api/v1/jobs/j");
  EXPECT_EQ(job["progress"]["percent"], 50);
  ASSERT_EQ(job["stages"].size(), 2);
  EXPECT_EQ(job["stages"][1], Json::parse(R"({"stage":"publish","status":"pending"})"));
  const Json stage = GetJson("/api/v1/jobs/j/stages/publish");
  EXPECT_EQ(stage["status"], "pending");
  EXPECT_THAT(stage["attempts"], IsEmpty());
  EXPECT_EQ(stage["job_status"], "paused");
  ExpectProblem(admin().Get("/api/v1/jobs/j/stages/deploy"), 404, "unknown_stage");
}

TEST_F(LiveStateTest, NobodyKnowsHowMuchIsDoneOfStagesThatWereNotDeclared) {
  Append("j", R"({"type":"stage_started","stage":"build"})");
  Append("j", R"({"type":"stage_completed","stage":"build"})");
  Append("j", R"({"type":"gate_pause","gate":"review"})");
  EXPECT_FALSE(GetJson("/api/v1/jobs/j").contains("progress"));
  EXPECT_FALSE(GetJson("/api/v1/jobs")["jobs"][0].contains("progress"));
}

TEST_F(LiveStateTest, LabelsAreShownAndFilter) {
  admin().Post("/api/v1/jobs", R"({"job_id":"a","labels":{"team":"film","env":"prod"}})");
  Append("b", R"({"type":"job_created","payload":{"labels":{"team":"film","n":"a=b,c"}}})");
  Append("c", R"({"type":"job_created"})");
  EXPECT_EQ(GetJson("/api/v1/jobs/a")["labels"], Json::parse(R"({"env":"prod","team":"film"})"));
  EXPECT_FALSE(GetJson("/api/v1/jobs/c").contains("labels"));
  EXPECT_EQ(GetJson("/api/v1/jobs?label=env")["jobs"][0]["labels"]["env"], "prod");
  EXPECT_THAT(ListedJobs("?label=team=film"), ElementsAre("b", "a"));
  EXPECT_THAT(ListedJobs("?label=team:film&label=env%3Dprod"), ElementsAre("a"));
  EXPECT_THAT(ListedJobs("?label=n=a=b,c"), ElementsAre("b"));
  EXPECT_THAT(ListedJobs("?label=team=etl"), IsEmpty());
  ExpectProblem(admin().Get("/api/v1/jobs?label=a%20b"), 400, "invalid_parameter");
  ExpectProblem(admin().Get("/api/v1/jobs?labels=team"), 400, "unknown_parameter");
  const auto refused = admin().Post("/api/v1/jobs", R"({"labels":{"build":42}})");
  ExpectProblem(refused, 422, "invalid_field");
  EXPECT_EQ(Json::parse(refused.body)["field"], "payload.labels.build");
}

}  // namespace
}  // namespace stagelog
