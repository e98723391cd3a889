// CloudEvents over HTTP: every mode in, polls and streams out.
#include <gmock/gmock.h>

#include <string>

#include "http/media_type.h"
#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using testing::HasSubstr;

constexpr const char* kOne =
    R"({"specversion":"1.0","id":"A1","source":"/farm/jobs/render-42","type":"com.example.log",)"
    R"("data":{"message":"one"}})";
constexpr const char* kTwo =
    R"({"specversion":"1.0","id":"A2","source":"/farm/jobs/bake-7","type":"com.example.scan.done",)"
    R"("subject":"scan","data":{"found":3}})";

class CloudEventsTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  HttpResponse Post(const std::string& body, std::string_view type, const HttpHeaders& more = {},
                    const char* target = "/api/v1/events") {
    return admin().Post(target, body, std::string(type), more);
  }

  static HttpHeaders Attributes(const std::string& type) {
    return {{"ce-specversion", "1.0"},
            {"ce-id", "B1"},
            {"ce-source", "/farm/jobs/render-42"},
            {"ce-type", type}};
  }
};

TEST_F(CloudEventsTest, EveryModeIsTaken) {
  EXPECT_EQ(Post(kOne, kCloudEventType).status, 201);
  EXPECT_EQ(Post(kOne, "application/cloudevents+json; charset=UTF-8").status, 200);  // again
  const std::string batch = std::string("[") + kOne + "," + kTwo + "]";
  const Json summary = Json::parse(Post(batch, kCloudEventBatchType).body);
  EXPECT_EQ(summary["accepted"], 1);
  EXPECT_EQ(summary["duplicates"], 1);
  EXPECT_EQ(Post("words", "text/plain", Attributes("com.example.log")).status, 201);
  const Json page = GetJson("/api/v1/events?after=0");
  ASSERT_EQ(page["events"].size(), 3U);
  EXPECT_EQ(page["events"][0]["job_id"], "render-42");
  EXPECT_EQ(page["events"][0]["message"], "one");
  EXPECT_EQ(page["events"][1]["type"], "x-com.example.scan.done");
  EXPECT_EQ(page["events"][1]["stage"], "scan");
  EXPECT_EQ(page["events"][1]["payload"]["found"], 3);
  EXPECT_EQ(page["events"][2]["message"], "words");
  EXPECT_EQ(Post("[]", kCloudEventBatchType).status, 202);
  EXPECT_EQ(Post(kTwo, kCloudEventType, {}, kEvents).status, 201);
  EXPECT_EQ(GetJson(kEvents)["events"][0]["job_id"], "job");
}

TEST_F(CloudEventsTest, WhatIsWrongIsAClearRefusalAndNothingIsJournaled) {
  ExpectProblem(Post(R"({"id":"1"})", kCloudEventType), 422, "missing_field");
  ExpectProblem(Post("words", "text/plain", {{"ce-id", "1"}}), 422, "missing_field");
  ExpectProblem(Post("words", "text/plain"), 415, "unsupported_media_type");
  ExpectProblem(Post("x", "application/cloudevents+avro"), 415, "unsupported_media_type");
  const std::string bad = std::string("[") + kOne + R"(,{"specversion":"1.0","id":"2"}])";
  const HttpResponse refused = Post(bad, kCloudEventBatchType);
  ExpectProblem(refused, 422, "missing_field");
  EXPECT_EQ(Json::parse(refused.body)["index"], 1);
  EXPECT_THAT(Post("{}", "application/xml").body, HasSubstr(std::string(kCloudEventBatchType)));
  EXPECT_EQ(HeadSeq(), 0);
}

TEST_F(CloudEventsTest, ADecisionNeedsItsRoleByThisDoorToo) {
  Append("render-42", R"({"type":"gate_pause","gate":"deploy"})");
  HttpHeaders decision = Attributes("com.example.gate.approved");
  decision.emplace_back("ce-subject", "gates/deploy");
  ExpectProblem(As(kWriterToken).Post("/api/v1/events", "", "", decision), 403, "forbidden");
  EXPECT_EQ(As(kApproverToken).Post("/api/v1/events", "", "", decision).status, 201);
  EXPECT_EQ(GetJson("/api/v1/jobs/render-42/gates/deploy")["status"], "approved");
}

TEST_F(CloudEventsTest, ASenderIsToldThatItMayDeliver) {
  const auto ask = [this](const std::string& target, const HttpHeaders& fields) {
    auto connection = HttpConnection::Connect(daemon_->port());
    EXPECT_TRUE(connection->Send(RequestText("OPTIONS", target, fields)));
    return connection->ReadResponse().value_or(HttpResponse());
  };
  const HttpResponse consent = ask(kEvents, {{"WebHook-Request-Origin", "emitter.example.com"},
                                             {"WebHook-Request-Rate", "120"}});
  EXPECT_EQ(consent.status, 204);
  EXPECT_EQ(consent.Header("webhook-allowed-origin"), "emitter.example.com");
  EXPECT_EQ(consent.Header("webhook-allowed-rate"), "*");
  EXPECT_THAT(consent.Header("allow"), HasSubstr("POST"));
  EXPECT_FALSE(ask(kEvents, {}).HasHeader("webhook-allowed-origin"));
  EXPECT_FALSE(
      ask(kEvents, {{"WebHook-Request-Origin", "a b"}}).HasHeader("webhook-allowed-origin"));
  EXPECT_FALSE(ask("/api/v1/jobs", {{"WebHook-Request-Origin", "emitter.example.com"}})
                   .HasHeader("webhook-allowed-origin"));
}

TEST_F(CloudEventsTest, APollGivesABatchOfThem) {
  AppendLogs("job", 3);
  const HttpResponse page = admin().Get(std::string(kEvents) + "?after=1",
                                        {{"Accept", std::string(kCloudEventBatchType)}});
  EXPECT_EQ(page.Header("content-type"), kCloudEventBatchType);
  EXPECT_EQ(page.Header("stagelog-next-after"), "3");
  const Json events = Json::parse(page.body);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["type"], "dev.stagelog.log.v1");
  EXPECT_EQ(events[0]["sequence"], "0000000000000000002");
  EXPECT_EQ(events[0]["data"]["message"], "2");
  // What was read is what may be sent: the same events, again.
  const Json again = Json::parse(Post(page.body, kCloudEventBatchType).body);
  EXPECT_EQ(again["duplicates"], 2);
  EXPECT_EQ(again["accepted"], 0);
}

TEST_F(CloudEventsTest, AStreamGivesThemFromThePastAndLive) {
  AppendLogs("job", 2);
  SseClient stream = OpenStream(std::string(kJobStream) + "?format=cloudevents&type=log");
  const auto past = stream.NextEvent();
  ASSERT_TRUE(past);
  EXPECT_EQ(past->event, "message");
  EXPECT_EQ(past->last_event_id, "1");
  EXPECT_EQ(Json::parse(past->data)["data"]["message"], "1");
  ASSERT_TRUE(stream.NextEvent());
  Append("job", R"({"type":"x-note"})");
  Append("job", R"({"type":"log","message":"live"})");
  const auto live = stream.NextEvent();
  ASSERT_TRUE(live);
  EXPECT_EQ(Json::parse(live->data)["data"]["message"], "live");
  EXPECT_EQ(Json::parse(live->data)["specversion"], "1.0");
  SseClient plain = OpenStream(std::string(kJobStream) + "?after=3");
  EXPECT_EQ(Json::parse(plain.NextEvent()->data)["message"], "live");
  ExpectProblem(admin().Get(std::string(kJobStream) + "?format=xml"), 400, "invalid_parameter");
  ExpectProblem(admin().Get(std::string(kJobStream) + "?format=cloudevents&named=1"), 400,
                "invalid_parameter");
}

}  // namespace
}  // namespace stagelog
