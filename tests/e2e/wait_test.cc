// Waiting over HTTP for what is not there yet: a job, a gate.
#include <gmock/gmock.h>

#include <future>

#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

using ::testing::SizeIs;

class WaitTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  // A request whose answer comes later. Returns when it is most likely parked: other requests on
  // the loop were answered meanwhile. Should it not be, its answer is right all the same.
  std::future<HttpResponse> Ask(const std::string& target) {
    auto answer = std::async(std::launch::async, [this, target] { return admin().Get(target); });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(admin().Get("/api/v1/jobs").status, 200);
    return answer;
  }

  static Json JsonOf(std::future<HttpResponse>& answer) {
    const HttpResponse response = answer.get();
    EXPECT_EQ(response.status, 200) << response.body;
    return Json::parse(response.body);
  }
};

TEST_F(WaitTest, APollWaitsForTheJobsFirstEvent) {
  for (const char* target :
       {"/api/v1/jobs/one/events?wait=60&limit=1", "/api/v1/jobs/two/events?wait=60&after=0",
        "/api/v1/jobs/three/events?wait=60&since=1h30m"}) {
    auto answer = Ask(target);
    AppendLogs("other", 1);
    const std::string job =
        std::string(target).substr(13, std::string(target).find("/events") - 13);
    AppendLogs(job, 1);
    const Json page = JsonOf(answer);
    ASSERT_THAT(page["events"], SizeIs(1)) << target;
    EXPECT_EQ(page["events"][0]["job_id"], job);
  }
}

TEST_F(WaitTest, AJobThatDoesNotComeIs404WhenTheTimeIsUp) {
  ExpectProblem(admin().Get("/api/v1/jobs/nobody/events"), 404, "unknown_job");
  ExpectProblem(admin().Get("/api/v1/jobs/nobody/events?wait=1"), 404, "unknown_job");
  ExpectProblem(admin().Get("/api/v1/jobs/nobody/gates/g?wait=1"), 404, "unknown_job");
}

TEST_F(WaitTest, WhatCannotComeIsRefusedAtOnce) {
  AppendLogs("job", 1);
  const Deadline deadline(std::chrono::seconds(30));
  ExpectProblem(admin().Get("/api/v1/jobs/nobody/events?wait=60&after=99"), 404, "unknown_job");
  ASSERT_EQ(admin().Request("DELETE", "/api/v1/jobs/job", {}).status, 200);
  ExpectProblem(admin().Get("/api/v1/jobs/job/events?wait=60"), 410, "job_deleted");
  ExpectProblem(admin().Get("/api/v1/jobs/job/gates/g?wait=60"), 410, "job_deleted");
  Append("over", R"({"type":"job_completed"})");
  ExpectProblem(admin().Get("/api/v1/jobs/over/gates/g?wait=60"), 404, "unknown_gate");
  EXPECT_FALSE(deadline.Passed());
}

TEST_F(WaitTest, AGateIsWaitedForUntilItIsOpen) {
  auto of_no_job = Ask("/api/v1/jobs/job/gates/ship?wait=60");
  Append("job", R"({"type":"job_started"})");
  auto of_a_job = Ask("/api/v1/jobs/job/gates/ship?wait=60");
  Append("job", R"({"type":"gate_pause","gate":"other"})");
  Append("job", R"({"type":"gate_pause","gate":"ship"})");
  for (auto* answer : {&of_no_job, &of_a_job}) {
    const Json gate = JsonOf(*answer);
    EXPECT_EQ(gate["gate"], "ship");
    EXPECT_EQ(gate["status"], "pending");
  }
  auto decided = Ask("/api/v1/jobs/job/gates/ship?wait=60");
  EXPECT_EQ(admin().Post("/api/v1/jobs/job/gates/ship/approve", "{}").status, 201);
  EXPECT_EQ(JsonOf(decided)["status"], "approved");
}

TEST_F(WaitTest, TheEndOfTheJobEndsTheWaitForItsGate) {
  Append("job", R"({"type":"job_started"})");
  auto answer = Ask("/api/v1/jobs/job/gates/ship?wait=60");
  Append("job", R"({"type":"job_failed"})");
  ExpectProblem(answer.get(), 404, "unknown_gate");
}

}  // namespace
}  // namespace stagelog
