// What goes in comes out: appends, idempotency, batches, and one encoding at every door.
#include <gmock/gmock.h>

#include "core/event_codec.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class AppendTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  std::vector<std::string> PolledBodies(const std::string& target) {
    return EventBodies(admin().Get(target).body);
  }
};

TEST_F(AppendTest, AnswersWithThePlaceOfTheEvent) {
  const Json first = Append("render-42", R"({"type":"job_created","event_id":"a-1"})");
  EXPECT_EQ(first.at("seq"), 1);
  EXPECT_EQ(first.at("job_seq"), 1);
  EXPECT_EQ(first.at("event_id"), "a-1");
  EXPECT_EQ(first.at("durable"), "disk");
  EXPECT_EQ(first.at("duplicate"), false);
  Append("other", R"({"type":"job_created"})");
  const Json third = Append("render-42", R"({"type":"job_started"})");
  EXPECT_EQ(third.at("seq"), 3);
  EXPECT_EQ(third.at("job_seq"), 2);
  EXPECT_GT(third.at("ts"), first.at("ts"));
  EXPECT_THAT(third.at("event_id").get<std::string>(), SizeIs(36));
}

TEST_F(AppendTest, TheSameBytesByPollStreamFileAndDatabase) {
  SseClient stream = OpenStream("/api/v1/jobs/render-42/events/stream");
  Append("render-42", R"({"type":"job_created"})");
  Append("render-42", R"({ "type": "stage_completed", "stage": "encode/pass-2", "attempt": 2,
      "message": "9000 frames \"done\" \u00e9\u2028 \/", "occurred_at": "2026-11-21T09:41:02.5+02:00",
      "payload": { "fps" : 23.970, "z": 1e2, "a": [ 1 , {"b":"\u0041 x"} ] } })");
  Append("render-42", R"({"type":"x-my.type","message":"Grüße 🎬","level":"debug"})");

  const std::vector<std::string> lines = Lines("render-42");
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_THAT(lines[1], HasSubstr(R"("payload":{"fps":23.970,"z":1e2,"a":[1,{"b":"\u0041 x"}]})"));
  EXPECT_THAT(lines[1], HasSubstr(R"("occurred_at":"2026-11-21T07:41:02.500000Z")"));
  EXPECT_EQ(PolledBodies("/api/v1/jobs/render-42/events?after=0"), lines);
  EXPECT_EQ(PolledBodies("/api/v1/events?after=0"), lines);
  for (const std::string& line : lines) {
    const auto frame = stream.NextEvent();
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->data, line);
    EXPECT_EQ(frame->last_event_id, std::to_string(ViewEvent(line).seq));
    EXPECT_EQ(frame->event, "message");
  }
  const auto rows = ReadDatabase(runs_dir());
  ASSERT_TRUE(rows);
  ASSERT_THAT(*rows, SizeIs(3));
  for (size_t i = 0; i < lines.size(); ++i) EXPECT_EQ((*rows)[i].body, lines[i]);
}

TEST_F(AppendTest, BareLinesWhereTheyAreAskedFor) {
  AppendLogs("job", 3);
  const HttpResponse response =
      admin().Get("/api/v1/jobs/job/events?after=0", {{"Accept", "application/x-ndjson"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.Header("content-type").starts_with(kNdjson));
  std::string expected;
  for (const std::string& line : Lines("job")) expected += line + "\n";
  EXPECT_EQ(response.body, expected);
}

TEST_F(AppendTest, ASecondSendingIsAnsweredWithTheOriginal) {
  const std::string event =
      R"({"type":"stage_started","stage":"decode","event_id":"e-1","payload":{"n":1}})";
  const Json original = Append("job", event);
  Append("job", R"({"type":"log","message":"between"})");
  const HttpResponse again = admin().Post("/api/v1/jobs/job/events", event);
  EXPECT_EQ(again.status, 200) << again.body;
  const Json answer = Json::parse(again.body);
  EXPECT_EQ(answer.at("seq"), original.at("seq"));
  EXPECT_EQ(answer.at("job_seq"), original.at("job_seq"));
  EXPECT_EQ(answer.at("ts"), original.at("ts"));
  EXPECT_EQ(answer.at("duplicate"), true);
  EXPECT_THAT(Lines("job"), SizeIs(2));
}

TEST_F(AppendTest, AnEventIdMayBeUsedInEachJob) {
  const std::string event = R"({"type":"log","message":"m","event_id":"e-1"})";
  EXPECT_EQ(Append("one", event).at("duplicate"), false);
  EXPECT_EQ(Append("two", event).at("duplicate"), false);
}

TEST_F(AppendTest, TheSameEventIdWithOtherContentIsAConflict) {
  Append("job", R"({"type":"log","message":"one","event_id":"e-1"})");
  const HttpResponse other =
      admin().Post("/api/v1/jobs/job/events", R"({"type":"log","message":"2","event_id":"e-1"})");
  ExpectProblem(other, 409, "event_id_conflict");
  EXPECT_THAT(Lines("job"), SizeIs(1));
}

TEST_F(AppendTest, TimesAndActorAreNoContent) {
  Append("job", R"({"type":"log","message":"one","event_id":"e-1","occurred_at":1763710862})");
  const HttpResponse again =
      As(kWriterToken)
          .Post("/api/v1/jobs/job/events",
                R"({"event_type":"log","message":"one","level":"info","event_id":"e-1"})");
  EXPECT_EQ(again.status, 200) << again.body;
}

TEST_F(AppendTest, AStoredLineCanBeSentAgain) {
  Append("job", R"({"type":"stage_started","stage":"decode","payload":{"k":[1,2]}})");
  const HttpResponse again = admin().Post("/api/v1/jobs/job/events", Lines("job").at(0));
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_THAT(Lines("job"), SizeIs(1));
}

TEST_F(AppendTest, TakesABatchAsAnArray) {
  const HttpResponse response = admin().Post(
      "/api/v1/jobs/job/events",
      R"([{"type":"job_created"}, {"type":"log","message":"a, ]}"},{"type":"job_completed"}])");
  EXPECT_EQ(response.status, 201) << response.body;
  const Json answer = Json::parse(response.body);
  EXPECT_EQ(answer.at("accepted"), 3);
  EXPECT_EQ(answer.at("duplicates"), 0);
  EXPECT_EQ(answer.at("first_seq"), 1);
  EXPECT_EQ(answer.at("last_seq"), 3);
  EXPECT_EQ(answer.at("durable"), "disk");
  EXPECT_THAT(Lines("job"), SizeIs(3));
}

TEST_F(AppendTest, TakesABatchForManyJobsAsLines) {
  const HttpResponse response = admin().Post("/api/v1/events",
                                             R"({"type":"log","message":"1","job_id":"a"}

{"type":"log","message":"2","job_id":"b"}
{"type":"log","message":"3","job_id":"a"})",
                                             kNdjson);
  EXPECT_EQ(response.status, 201) << response.body;
  EXPECT_THAT(Lines("a"), SizeIs(2));
  EXPECT_THAT(Lines("b"), SizeIs(1));
}

TEST_F(AppendTest, CountsWhatWasThereBefore) {
  Append("job", R"({"type":"log","message":"1","event_id":"e-1"})");
  const HttpResponse response =
      admin().Post("/api/v1/jobs/job/events",
                   "{\"type\":\"log\",\"message\":\"1\",\"event_id\":\"e-1\"}\n"
                   "{\"type\":\"log\",\"message\":\"2\",\"event_id\":\"e-2\"}\n"
                   "{\"type\":\"log\",\"message\":\"2\",\"event_id\":\"e-2\"}\n",
                   kNdjson);
  EXPECT_EQ(response.status, 201) << response.body;
  const Json answer = Json::parse(response.body);
  EXPECT_EQ(answer.at("accepted"), 1);
  EXPECT_EQ(answer.at("duplicates"), 2);
  EXPECT_THAT(Lines("job"), SizeIs(2));
}

TEST_F(AppendTest, ABatchWithOneBadLineIsRefusedWhole) {
  Append("job", R"({"type":"log","message":"before"})");
  const HttpResponse response = admin().Post("/api/v1/jobs/job/events",
                                             "{\"type\":\"log\",\"message\":\"1\"}\n"
                                             "\n"
                                             "{\"type\":\"stage_startd\",\"stage\":\"s\"}\n",
                                             kNdjson);
  ExpectProblem(response, 422, "unknown_type");
  const Json problem = Json::parse(response.body);
  EXPECT_EQ(problem.at("line"), 3);
  EXPECT_THAT(problem.at("detail").get<std::string>(), HasSubstr("stage_started"));
  EXPECT_THAT(Lines("job"), SizeIs(1));
  EXPECT_EQ(HeadSeq(), 1);
}

TEST_F(AppendTest, ABatchWithAConflictIsRefusedWhole) {
  Append("job", R"({"type":"log","message":"1","event_id":"e-1"})");
  const HttpResponse response = admin().Post(
      "/api/v1/jobs/job/events",
      R"([{"type":"log","message":"2"},{"type":"log","message":"x","event_id":"e-1"}])");
  ExpectProblem(response, 409, "event_id_conflict");
  EXPECT_EQ(HeadSeq(), 1);
}

TEST_F(AppendTest, AWorkersHeartbeatIsNotJournaled) {
  Append("job", R"({"type":"job_started"})");
  const HttpResponse response = admin().Post("/api/v1/jobs/job/events", R"({"type":"heartbeat"})");
  EXPECT_EQ(response.status, 202) << response.body;
  EXPECT_EQ(Json::parse(response.body).at("durable"), "none");
  EXPECT_EQ(admin().Post("/api/v1/jobs/unseen/events", R"({"type":"heartbeat"})").status, 202);
  EXPECT_EQ(HeadSeq(), 1);
  EXPECT_EQ(admin().Get("/api/v1/jobs/unseen").status, 404);
}

TEST_F(AppendTest, WhatIsIllegalInTheJobsStateIsKeptAndFlagged) {
  for (const char* type : {"job_created", "job_completed", "job_completed"}) {
    Append("job", std::string(R"({"type":")") + type + "\"}");
  }
  const std::vector<std::string> lines = Lines("job");
  ASSERT_THAT(lines, SizeIs(3));
  EXPECT_FALSE(Json::parse(lines[1]).contains("violations"));
  EXPECT_THAT(Json::parse(lines[2]).at("violations"), ElementsAre("job_over"));
  EXPECT_EQ(GetJson("/api/v1/jobs/job").at("status"), "completed");
}

TEST_F(AppendTest, AJobCanBeCreatedAndListed) {
  const HttpResponse created = admin().Post("/api/v1/jobs", R"({"job_id":"render-1"})");
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_THAT(created.Header("location"), HasSubstr("/api/v1/jobs/render-1"));
  ExpectProblem(admin().Post("/api/v1/jobs", R"({"job_id":"render-1"})"), 409, "job_exists");
  const HttpResponse unnamed = admin().Post("/api/v1/jobs", "{}");
  EXPECT_EQ(unnamed.status, 201) << unnamed.body;
  EXPECT_EQ(admin().Get(unnamed.Header("location")).status, 200);
  const Json state = GetJson("/api/v1/jobs/render-1");
  EXPECT_EQ(state.at("job_id"), "render-1");
  EXPECT_EQ(state.at("as_of_seq"), 1);
  EXPECT_EQ(GetJson("/api/v1/jobs").at("jobs").size(), 2U);
}

TEST_F(AppendTest, TheActorIsTheToken) {
  const HttpResponse response = As(kWriterToken)
                                    .Post("/api/v1/jobs/job/events",
                                          R"({"type":"log","message":"m","actor":"someone else"})");
  EXPECT_EQ(response.status, 201) << response.body;
  EXPECT_EQ(Json::parse(Lines("job").at(0)).at("actor"), "gpu-3");
}

TEST_F(AppendTest, AnEventOfTheLargestSizeIsTaken) {
  std::string event = R"({"type":"log","message":"m","payload":{"blob":""}})";
  event.insert(event.size() - 3, (size_t{256} << 10) - event.size(), 'x');
  const HttpResponse response = admin().Post("/api/v1/jobs/job/events", event);
  EXPECT_EQ(response.status, 201) << response.body;
}

TEST_F(AppendTest, TheConsoleSaysWhatWasCommitted) {
  Append("render-42",
         R"({"type":"stage_completed","stage":"encode","message":"encoded 9000 frames"})");
  const std::string ts = Json::parse(Lines("render-42").at(0)).at("ts");
  Stop();
  EXPECT_THAT(
      daemon_->StderrText(),
      HasSubstr("[events] " + ts + " render-42#1 stage_completed encode \"encoded 9000 frames\""));
}

}  // namespace
}  // namespace stagelog
