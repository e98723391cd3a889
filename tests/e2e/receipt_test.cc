// What the answer to an append says of events that were stored and flagged, and what a gate's
// payload may hold by whichever door it comes.
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ReceiptTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }
};

TEST_F(ReceiptTest, AnEventThatIsFlaggedSaysSo) {
  EXPECT_THAT(Append("j", R"({"type":"stage_started","stage":"a"})")["violations"], IsEmpty());
  const Json flagged =
      Append("j", R"({"type":"stage_progress","stage":"a","payload":{"current":14,"total":5}})");
  EXPECT_THAT(flagged["violations"], ElementsAre("invalid_progress"));
  EXPECT_EQ(Json::parse(Lines("j")[1])["violations"], flagged["violations"]);
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["violations"], 1);
}

TEST_F(ReceiptTest, ARepeatedEventSaysWhatTheFirstOneSaid) {
  Append("j", R"({"type":"job_completed"})");
  const std::string event = R"({"type":"job_completed","event_id":"again"})";
  EXPECT_THAT(Append("j", event)["violations"], ElementsAre("job_over"));
  const auto repeated = admin().Post("/api/v1/jobs/j/events", event);
  EXPECT_EQ(repeated.status, 200);
  EXPECT_THAT(Json::parse(repeated.body)["violations"], ElementsAre("job_over"));
}

TEST_F(ReceiptTest, ABatchNamesTheFlaggedOnesByTheirLines) {
  const std::string lines = R"({"type":"heartbeat"})"
                            "\n\n"
                            R"({"type":"job_created"})"
                            "\n"
                            R"({"type":"job_completed"})"
                            "\n"
                            R"({"type":"job_completed","event_id":"late"})"
                            "\n";
  const auto answer =
      Json::parse(admin().Post("/api/v1/jobs/j/events", lines, "application/x-ndjson").body);
  EXPECT_EQ(answer["accepted"], 3);
  EXPECT_EQ(answer["flagged"], 1);
  EXPECT_EQ(answer["violations"],
            Json::parse(R"([{"line":5,"job_id":"j","seq":3,"job_seq":3,"event_id":"late",)"
                        R"("violations":["job_over"]}])"));
  const auto array = Json::parse(
      admin()
          .Post("/api/v1/events",
                R"([{"job_id":"k","type":"log","message":"m"},{"job_id":"j","type":"job_failed"}])")
          .body);
  EXPECT_EQ(array["flagged"], 1);
  EXPECT_EQ(array["violations"][0]["index"], 1);
  EXPECT_EQ(array["violations"][0]["job_id"], "j");
}

TEST_F(ReceiptTest, ABatchCountsAllAndNamesAHundred) {
  Append("j", R"({"type":"job_completed"})");
  std::string lines;
  for (int i = 0; i < 150; ++i) lines += "{\"type\":\"job_completed\"}\n";
  const auto answer =
      Json::parse(admin().Post("/api/v1/jobs/j/events", lines, "application/x-ndjson").body);
  EXPECT_EQ(answer["flagged"], 150);
  EXPECT_EQ(answer["violations"].size(), 100);
}

TEST_F(ReceiptTest, AJobThatBeginsWithoutJobCreatedIsNotFlagged) {
  EXPECT_THAT(Append("j", R"({"type":"job_started"})")["violations"], IsEmpty());
  EXPECT_FALSE(Json::parse(Lines("j")[0]).contains("violations"));
  const Json job = GetJson("/api/v1/jobs/j");
  EXPECT_EQ(job["violations"], 0);
  EXPECT_EQ(job["implicit_create"], true);
  EXPECT_EQ(GetJson("/api/v1/jobs")["jobs"][0]["implicit_create"], true);
  admin().Post("/api/v1/jobs", R"({"job_id":"k"})");
  EXPECT_FALSE(GetJson("/api/v1/jobs/k").contains("implicit_create"));
}

TEST_F(ReceiptTest, CreatingAJobSaysWhatWasPassedOver) {
  const auto created =
      admin().Post("/api/v1/jobs", R"({"job_id":"j","payload":{"stage":["build"]}})");
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_THAT(Json::parse(created.body)["violations"], ElementsAre("suspect_key"));
  const auto strict = admin().Post("/api/v1/jobs", R"({"strict":true,"payload":{"lables":{}}})");
  ExpectProblem(strict, 409, "strict_violation");
  // At the top level nothing is the emitter's own.
  const auto refused = admin().Post("/api/v1/jobs", R"({"pipelin":"render"})");
  ExpectProblem(refused, 422, "unknown_key");
  EXPECT_THAT(refused.body, HasSubstr("did you mean 'pipeline'?"));
  const auto twice = admin().Post("/api/v1/jobs", R"({"metadata":{"a":1},"payload":{"b":2}})");
  ExpectProblem(twice, 422, "duplicate_key");
  EXPECT_EQ(admin().Post("/api/v1/jobs", R"({"metadata":{"a":1},"pipeline":"p"})").status, 201);
}

TEST_F(ReceiptTest, ANewJobThatIsNotStrictTakesASuspectKeyByEveryDoor) {
  const std::string event = R"({"type":"job_created","payload":{"pipelne":"x","strict":false}})";
  for (const std::string& body : {event, "[" + event + "]"}) {
    const std::string job = body.front() == '[' ? "array" : "single";
    EXPECT_EQ(admin().Post("/api/v1/jobs/" + job + "/events", body).status, 201) << body;
    EXPECT_EQ(GetJson("/api/v1/jobs/" + job)["violations"], 1);
  }
  ExpectProblem(admin().Post("/api/v1/jobs/strict/events",
                             R"({"type":"job_created","payload":{"pipelne":"x","strict":true}})"),
                409, "strict_violation");
}

TEST_F(ReceiptTest, AGateTakesNoKeyThatItDoesNotKnowByAnyDoor) {
  const std::string event =
      R"({"job_id":"j","type":"gate_pause","gate":"g","payload":{"approver":"alice"}})";
  const std::string log = R"({"job_id":"j","type":"log","message":"m"})";
  const std::vector<HttpResponse> answers = {
      admin().Post("/api/v1/jobs/j/events", event),
      admin().Post("/api/v1/jobs/j/events", "[" + log + "," + event + "]"),
      admin().Post("/api/v1/jobs/j/events", log + "\n" + event, "application/x-ndjson"),
      admin().Post("/api/v1/events", event),
      admin().Post("/api/v1/events", log + "\n" + event + "\n", "application/x-ndjson")};
  for (const HttpResponse& answer : answers) {
    ExpectProblem(answer, 422, "unknown_key");
    EXPECT_EQ(Json::parse(answer.body)["field"], "payload.approver");
    EXPECT_THAT(answer.body, HasSubstr("did you mean 'approvers'?"));
  }
  EXPECT_EQ(Json::parse(answers[2].body)["line"], 2);
  ExpectProblem(admin().Get("/api/v1/jobs/j"), 404, "unknown_job");
  const auto top = admin().Post("/api/v1/jobs/j/events",
                                R"({"type":"gate_pause","gate":"g","timeout_seconds":5})");
  ExpectProblem(top, 422, "unknown_key");
  EXPECT_THAT(top.body, HasSubstr("put it in 'payload'"));
}

// A line that a journal has taken before may be sent again, by whatever rules it was taken.
TEST_F(ReceiptTest, AStoredLineOfAnEarlierVersionMayBeSentAgain) {
  Append("j", R"({"seq":7,"job_seq":3,"hash":"00","type":"gate_pause","gate":"g",)"
              R"("payload":{"approver":"alice"}})");
  EXPECT_EQ(GetJson("/api/v1/jobs/j/gates/g")["status"], "pending");
}

}  // namespace
}  // namespace stagelog
