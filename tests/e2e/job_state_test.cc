// What the daemon says the events add up to.
#include <gmock/gmock.h>

#include <filesystem>

#include "core/job_machine.h"
#include "core/job_size.h"
#include "core/job_state_json.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class JobStateEndToEndTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  // A job with every kind of thing in it; 8 events.
  void TellAStory(const std::string& job) {
    ASSERT_EQ(admin()
                  .Post("/api/v1/jobs", R"({"job_id":")" + job +
                                            R"(","pipeline":"film","stages":["encode","pack"]})")
                  .status,
              201);
    Append(job, R"({"type":"stage_started","stage":"encode"})");
    Append(job, R"({"type":"stage_progress","stage":"encode","payload":{"current":1,"total":4}})");
    Append(job, R"({"type":"log","message":"a line"})");
    Append(job, R"({"type":"stage_completed","stage":"encode"})");
    Append(job, R"({"type":"gate_pause","gate":"publish","payload":{"prompt":"Ship it?"}})");
    Append(job, R"({"type":"gate_approved","gate":"publish"})");
    Append(job, R"({"type":"job_completed"})");
  }

  std::vector<std::string> ListedJobs(const std::string& query) {
    std::vector<std::string> ids;
    const Json answer = GetJson("/api/v1/jobs" + query);
    for (const Json& job : answer["jobs"]) ids.push_back(job["job_id"]);
    return ids;
  }
};

TEST_F(JobStateEndToEndTest, AnswerBeginsWithIdAndStatusAndEndsWithWhatIsNow) {
  TellAStory("render-42");
  const std::string body = admin().Get("/api/v1/jobs/render-42").body;
  EXPECT_THAT(body, StartsWith(R"({"job_id":"render-42","status":"completed",)"));
  const Json job = Json::parse(body);
  EXPECT_EQ(job["pipeline"], "film");
  EXPECT_EQ(job["as_of_seq"], 8);
  EXPECT_EQ(job["head_seq"], 8);
  EXPECT_FALSE(job.contains("liveness"));  // nobody works on it any more
  EXPECT_EQ(job["stages"][0]["status"], "completed");
  EXPECT_EQ(job["gates"][0]["decided_by"], "admin");
  EXPECT_EQ(job["last_hash"].get<std::string>().size(), 64);
}

TEST_F(JobStateEndToEndTest, AsOfSeqIsTheJobsOwnWhileTheJournalGoesOn) {
  Append("a", R"({"type":"job_created"})");
  AppendLogs("b", 3);
  const Json job = GetJson("/api/v1/jobs/a");
  EXPECT_EQ(job["as_of_seq"], 1);
  EXPECT_EQ(job["head_seq"], 4);
  EXPECT_EQ(job["liveness"], "ok");
}

TEST_F(JobStateEndToEndTest, TimeTravelGivesWhatThePlainAnswerWasAndTheOfflineFoldToo) {
  TellAStory("render-42");
  AppendLogs("other", 1);
  JobState offline;
  int64_t seq = 0;
  for (const std::string& line : Lines("render-42")) {
    ASSERT_TRUE(ApplyLine(offline, line));
    const std::string answer =
        admin().Get("/api/v1/jobs/render-42?at_seq=" + std::to_string(++seq)).body;
    EXPECT_EQ(answer, EncodeJobState(offline) + "\n");
  }
  // Another job's event has moved the head, not the job.
  EXPECT_EQ(admin().Get("/api/v1/jobs/render-42?at_seq=9").body, EncodeJobState(offline) + "\n");
  Json plain = GetJson("/api/v1/jobs/render-42");
  plain.erase("head_seq");
  EXPECT_EQ(plain, Json::parse(EncodeJobState(offline)));
}

TEST_F(JobStateEndToEndTest, TimeTravelByTime) {
  TellAStory("render-42");
  const Json third = Json::parse(Lines("render-42")[2]);
  const Json then = GetJson("/api/v1/jobs/render-42?at=" + third["ts"].get<std::string>());
  EXPECT_EQ(then["as_of_seq"], 3);
  EXPECT_EQ(GetJson("/api/v1/jobs/render-42/stages/encode?at_seq=3")["progress"]["percent"], 25);
  EXPECT_EQ(GetJson("/api/v1/jobs/render-42/gates/publish?at_seq=6")["status"], "pending");
}

TEST_F(JobStateEndToEndTest, MomentsThatNeverWereAreNotFound) {
  AppendLogs("other", 2);
  TellAStory("render-42");
  const std::string job = "/api/v1/jobs/render-42";
  ExpectProblem(admin().Get(job + "?at_seq=2"), 404, "no_such_moment");
  ExpectProblem(admin().Get(job + "?at_seq=11"), 404, "no_such_moment");
  ExpectProblem(admin().Get(job + "?at=2001-01-01T00:00:00Z"), 404, "no_such_moment");
  ExpectProblem(admin().Get(job + "?at=2999-01-01T00:00:00Z"), 404, "no_such_moment");
  ExpectProblem(admin().Get(job + "?at_seq=-1"), 400, "invalid_parameter");
  ExpectProblem(admin().Get(job + "?at=yesterday"), 400, "invalid_parameter");
  ExpectProblem(admin().Get(job + "?at=10m&at_seq=4"), 400, "invalid_parameter");
  ExpectProblem(admin().Get("/api/v1/jobs/nobody?at_seq=1"), 404, "unknown_job");
  ExpectProblem(admin().Get(job + "/stages/none?at_seq=3"), 404, "unknown_stage");
}

TEST_F(JobStateEndToEndTest, StagesAreFoundByTheirPath) {
  Append("train", R"({"type":"stage_started","stage":"train/epoch-3"})");
  Append("train", R"({"type":"stage_failed","stage":"train/epoch-3","message":"out of memory"})");
  Append("train", R"({"type":"stage_started","stage":"train/epoch-3"})");
  // Ended, so that its durations are the same in every answer.
  Append("train", R"({"type":"stage_completed","stage":"train/epoch-3"})");
  const Json stage = GetJson("/api/v1/jobs/train/stages/train/epoch-3");
  EXPECT_EQ(stage["job_id"], "train");
  EXPECT_EQ(stage["attempt"], 2);
  EXPECT_EQ(stage["status"], "completed");
  EXPECT_EQ(GetJson("/api/v1/jobs/train/stages/train%2Fepoch-3"), stage);
  EXPECT_EQ(stage["attempts"].size(), 2);
  EXPECT_EQ(stage["attempts"][0]["message"], "out of memory");
  ExpectProblem(admin().Get("/api/v1/jobs/train/stages/train"), 404, "unknown_stage");
  ExpectProblem(admin().Get("/api/v1/jobs/train/stages/"), 404, "unknown_route");
}

TEST_F(JobStateEndToEndTest, JobsAreListedByFilterAndPage) {
  for (int i = 0; i < 5; ++i) {
    admin().Post("/api/v1/jobs", R"({"job_id":"job-)" + std::to_string(i) + R"(","pipeline":")" +
                                     (i % 2 == 0 ? "even" : "odd") + "\"}");
  }
  Append("job-1", R"({"type":"job_started"})");
  Append("job-2", R"({"type":"job_failed","message":"Disk is full"})");
  AppendLogs("loose", 1);
  EXPECT_THAT(ListedJobs("?status=running"), ElementsAre("job-1"));
  EXPECT_THAT(ListedJobs("?status=running,failed"), ElementsAre("job-2", "job-1"));
  EXPECT_THAT(ListedJobs("?pipeline=even"), ElementsAre("job-4", "job-2", "job-0"));
  EXPECT_THAT(ListedJobs("?pipeline="), ElementsAre("loose"));
  EXPECT_THAT(ListedJobs("?q=DISK"), ElementsAre("job-2"));
  EXPECT_THAT(ListedJobs("?pipeline=even&status=failed"), ElementsAre("job-2"));
  const Json created = Json::parse(Lines("job-4")[0]);
  EXPECT_THAT(ListedJobs("?since=" + created["ts"].get<std::string>()),
              ElementsAre("loose", "job-2", "job-1"));
  const Json page = GetJson("/api/v1/jobs?limit=2");
  ASSERT_EQ(page["jobs"].size(), 2);
  EXPECT_THAT(ListedJobs("?limit=2&before=" + page["next_before"].dump()),
              ElementsAre("job-3", "job-2"));
  EXPECT_TRUE(GetJson("/api/v1/jobs?before=2")["next_before"].is_null());
}

TEST_F(JobStateEndToEndTest, ListingRefusesWhatItDoesNotKnow) {
  const HttpResponse refused = admin().Get("/api/v1/jobs?status=runing");
  ExpectProblem(refused, 400, "invalid_parameter");
  EXPECT_THAT(refused.body, HasSubstr("'running'"));
  ExpectProblem(admin().Get("/api/v1/jobs?state=running"), 400, "unknown_parameter");
  ExpectProblem(admin().Get("/api/v1/jobs?before=x"), 400, "invalid_parameter");
  ExpectProblem(admin().Get("/api/v1/jobs?since=12"), 400, "invalid_parameter");
}

TEST_F(JobStateEndToEndTest, IllegalEventIsStoredFlaggedAndChangesNothing) {
  TellAStory("render-42");
  const Json before = GetJson("/api/v1/jobs/render-42");
  EXPECT_EQ(Append("render-42", R"({"type":"job_failed"})")["job_status"], "completed");
  const Json after = GetJson("/api/v1/jobs/render-42");
  EXPECT_EQ(after["status"], "completed");
  EXPECT_EQ(after["violations"], 1);
  EXPECT_EQ(after["ended_at"], before["ended_at"]);
  EXPECT_EQ(Json::parse(Lines("render-42").back())["violations"], Json({"job_over"}));
}

TEST_F(JobStateEndToEndTest, StrictJobRefusesWhatIsIllegal) {
  for (const char* twice : {R"({"job_id":"strict","strict":true,"payload":{"strict":false}})",
                            R"({"job_id":"strict","strict":true,"strict":false})"}) {
    ExpectProblem(admin().Post("/api/v1/jobs", twice), 422, "duplicate_key");
  }
  admin().Post("/api/v1/jobs", R"({"job_id":"strict","strict":true})");
  const HttpResponse refused =
      admin().Post("/api/v1/jobs/strict/events", R"({"type":"stage_completed","stage":"a"})");
  ExpectProblem(refused, 409, "strict_violation");
  EXPECT_THAT(refused.body, HasSubstr("end_without_start"));
  // All of a batch or nothing, and what is legal only after an event before it is legal.
  ExpectProblem(admin().Post("/api/v1/jobs/strict/events",
                             R"([{"type":"stage_started","stage":"a"},
                                 {"type":"stage_started","stage":"a"}])"),
                409, "strict_violation");
  EXPECT_EQ(admin()
                .Post("/api/v1/jobs/strict/events", R"([{"type":"stage_started","stage":"a"},
                                                       {"type":"stage_completed","stage":"a"}])")
                .status,
            201);
  EXPECT_EQ(Lines("strict").size(), 3);
}

TEST_F(JobStateEndToEndTest, WorkerLearnsOfACancelFromItsNextAppend) {
  Append("train", R"({"type":"job_started"})");
  const HttpResponse canceled =
      As(kWriterToken).Post("/api/v1/jobs/train/cancel", R"({"message":"wrong data"})");
  EXPECT_EQ(canceled.status, 201) << canceled.body;
  EXPECT_EQ(Append("train", R"({"type":"log","message":"still at it"})")["job_status"], "canceled");
  const Json job = GetJson("/api/v1/jobs/train");
  EXPECT_EQ(job["reason"], "wrong data");
  ExpectProblem(admin().Post("/api/v1/jobs/train/cancel", ""), 409, "illegal_transition");
  const HttpResponse resumed = admin().Post("/api/v1/jobs/train/resume", "");
  EXPECT_EQ(resumed.status, 201) << resumed.body;
  EXPECT_EQ(GetJson("/api/v1/jobs/train")["epoch"], 2);
}

TEST_F(JobStateEndToEndTest, ACompletedJobIsResumedAndItsLastEpochCounts) {
  TellAStory("render-42");
  const HttpResponse resumed = admin().Post("/api/v1/jobs/render-42/resume", "");
  EXPECT_EQ(resumed.status, 201) << resumed.body;
  Json job = GetJson("/api/v1/jobs/render-42");
  EXPECT_EQ(job["status"], "running");
  EXPECT_EQ(job["epoch"], 2);
  EXPECT_EQ(job["violations"], 0);
  EXPECT_FALSE(job.contains("ended_at"));
  EXPECT_EQ(Append("render-42", R"({"type":"job_failed"})")["job_status"], "failed");
  EXPECT_EQ(GetJson("/api/v1/jobs?status=failed")["jobs"][0]["job_id"], "render-42");
}

TEST_F(JobStateEndToEndTest, CommandsAreRefusedClearly) {
  TellAStory("render-42");
  ExpectProblem(admin().Post("/api/v1/jobs/nobody/cancel", ""), 404, "unknown_job");
  ExpectProblem(admin().Post("/api/v1/jobs/nobody/resume", ""), 404, "unknown_job");
  Append("running", R"({"type":"job_started"})");
  ExpectProblem(admin().Post("/api/v1/jobs/running/resume", ""), 409, "illegal_transition");
  ExpectProblem(As(kReaderToken).Post("/api/v1/jobs/render-42/cancel", ""), 403, "forbidden");
  ExpectProblem(As(kApproverToken).Post("/api/v1/jobs/render-42/cancel", ""), 403, "forbidden");
  ExpectProblem(admin().Post("/api/v1/jobs/render-42/cancel", R"({"mesage":"x"})"), 422,
                "unknown_key");
  ExpectProblem(admin().Post("/api/v1/jobs/render-42/cancel", "{"), 400, "malformed_json");
  EXPECT_EQ(Lines("render-42").size(), 8);
}

TEST_F(JobStateEndToEndTest, RepeatedCancelWithItsEventIdIsAnsweredAsTheFirst) {
  Append("train", R"({"type":"job_started"})");
  const std::string body = R"({"event_id":"cancel-1"})";
  const HttpResponse first = admin().Post("/api/v1/jobs/train/cancel", body);
  const HttpResponse again = admin().Post("/api/v1/jobs/train/cancel", body);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(SeqOf(Json::parse(first.body)), SeqOf(Json::parse(again.body)));
}

TEST_F(JobStateEndToEndTest, PayloadsThatMeanSomethingAreChecked) {
  const std::vector<std::string> refused = {
      R"({"type":"job_created","payload":{"strict":"yes"}})",
      R"({"type":"job_created","payload":{"stages":["a b"]}})",
      R"({"type":"gate_pause","gate":"g","payload":{"timeout_seconds":0}})",
      R"({"type":"gate_pause","gate":"g","payload":{"timeout_seconds":31536001}})",
      R"({"type":"gate_pause","gate":"g","payload":{"timeout_seconds":"60"}})",
      R"({"type":"gate_pause","gate":"g","payload":{"timeout_seconds":60,"on_timeout":"aprove"}})",
      R"({"type":"gate_pause","gate":"g","payload":{"on_timeout":"approve"}})",
      R"({"type":"gate_pause","gate":"g","payload":{"options":"yes"}})",
      R"({"type":"gate_pause","gate":"g","payload":{"approvers":[1]}})"};
  for (const std::string& event : refused) {
    ExpectProblem(admin().Post("/api/v1/jobs/j/events", event), 422, "invalid_field");
  }
  ExpectProblem(admin().Get("/api/v1/jobs/j"), 404, "unknown_job");
  // Absurd progress is evidence: stored and flagged.
  Append("j", R"({"type":"stage_started","stage":"a"})");
  Append("j", R"({"type":"stage_progress","stage":"a","payload":{"current":-1}})");
  EXPECT_EQ(Json::parse(Lines("j")[1])["violations"], Json({"invalid_progress"}));
}

TEST_F(JobStateEndToEndTest, AJobThatIsFullTakesNoNewStageAndEverythingElse) {
  constexpr size_t kBatches = 4;
  for (size_t batch = 0; batch < kBatches; ++batch) {
    std::string body;
    for (size_t i = 0; i < kMaxStageAttempts / kBatches; ++i) {
      body += R"({"type":"stage_started","stage":"s)" + std::to_string(batch) + "-" +
              std::to_string(i) + "\"}\n";
    }
    ASSERT_EQ(admin().Post("/api/v1/jobs/full/events", body, kNdjson).status, 201);
  }
  const std::string events = "/api/v1/jobs/full/events";
  const std::string more = R"({"type":"stage_started","stage":"one-more"})";
  const HttpResponse refused = admin().Post(events, more);
  ExpectProblem(refused, 409, "job_too_large");
  const Json problem = Json::parse(refused.body);
  EXPECT_EQ(problem["field"], "stage");
  EXPECT_THAT(problem["detail"].get<std::string>(),
              HasSubstr("job 'full' has 20000 stage attempts, and one job may have no more; "));
  // All of a batch or nothing, and the line is named.
  const std::string log = R"({"type":"log","message":"m"})";
  const HttpResponse batch = admin().Post(events, log + "\n" + more + "\n", kNdjson);
  ExpectProblem(batch, 409, "job_too_large");
  EXPECT_EQ(Json::parse(batch.body)["line"], 2);
  EXPECT_EQ(GetJson("/api/v1/jobs/full")["events"], kMaxStageAttempts);
  for (const std::string& other : {log, std::string(R"({"type":"stage_completed","stage":"s0-0"})"),
                                   std::string(R"({"type":"gate_pause","gate":"g"})"),
                                   std::string(R"({"type":"gate_approved","gate":"g"})")}) {
    EXPECT_EQ(admin().Post(events, other).status, 201) << other;
  }
  EXPECT_EQ(admin().Post("/api/v1/jobs/other/events", more).status, 201) << "another job";
  EXPECT_EQ(Append("full", R"({"type":"job_completed"})")["job_status"], "completed");
  EXPECT_EQ(GetJson("/api/v1/jobs/full")["stages"].size(), kMaxStageAttempts);
}

TEST_F(JobStateEndToEndTest, AJobThatWouldBeTooLargeIsNotCreated) {
  Json stages = Json::array();
  for (int i = 0; i < 260; ++i) {
    std::string path = "s" + std::to_string(i);
    for (int level = 0; level < 199; ++level) path += "/x";
    stages.push_back(path);
  }
  const HttpResponse refused =
      admin().Post("/api/v1/jobs", Json({{"job_id", "deep"}, {"stages", stages}}).dump());
  ExpectProblem(refused, 409, "job_too_large");
  EXPECT_THAT(refused.body, HasSubstr("52000 declared stages, including parents"));
  ExpectProblem(admin().Get("/api/v1/jobs/deep"), 404, "unknown_job");
}

TEST_F(JobStateEndToEndTest, RestartAndRebuildGiveTheSameAnswers) {
  TellAStory("render-42");
  Append("render-43", R"({"type":"gate_pause","gate":"g"})");
  const std::string first = admin().Get("/api/v1/jobs/render-42").body;
  const std::string list = admin().Get("/api/v1/gates").body;
  Stop();
  std::filesystem::remove(runs_dir() + "/stagelog.db");
  Start();
  EXPECT_EQ(admin().Get("/api/v1/jobs/render-42").body, first);
  EXPECT_EQ(admin().Get("/api/v1/gates").body, list);
}

}  // namespace
}  // namespace stagelog
