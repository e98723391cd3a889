// What HTTP clients expect: idempotency keys, entity tags, links to the next page.
#include <gmock/gmock.h>

#include <string>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using testing::HasSubstr;

class HttpHabitsTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  HttpResponse PostWithKey(const std::string& target, const std::string& body, const char* key,
                           const char* type = "application/json") {
    return admin().Post(target, body, type, {{"Idempotency-Key", key}});
  }

  HttpResponse GetUnless(const std::string& target, const std::string& tag) {
    return admin().Get(target, {{"If-None-Match", tag}});
  }
};

TEST_F(HttpHabitsTest, AKeyIsTheIdOfAnEventThatHasNone) {
  const HttpResponse first = PostWithKey(kEvents, kLogEvent, "\"retry-1\"");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(Json::parse(first.body)["event_id"], "retry-1");
  const HttpResponse again = PostWithKey(kEvents, kLogEvent, "\"retry-1\"");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(Json::parse(again.body)["seq"], Json::parse(first.body)["seq"]);
  ExpectProblem(PostWithKey(kEvents, R"({"type":"log","message":"other"})", "\"retry-1\""), 409,
                "event_id_conflict");
  const HttpResponse own =
      PostWithKey(kEvents, R"({"type":"log","message":"m","event_id":"own"})", "retry-2");
  EXPECT_EQ(Json::parse(own.body)["event_id"], "own");
  EXPECT_EQ(HeadSeq(), 2);
}

TEST_F(HttpHabitsTest, ABatchMayBeRepeatedWithItsKey) {
  const std::string lines = std::string(kLogEvent) + "\n" + kLogEvent + "\n";
  EXPECT_EQ(PostWithKey(kEvents, lines, "\"b\"", kNdjson).status, 201);
  const HttpResponse again = PostWithKey(kEvents, lines, "\"b\"", kNdjson);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(Json::parse(again.body)["duplicates"], 2);
  EXPECT_EQ(PostWithKey(kEvents, lines, "\"c\"", kNdjson).status, 201);
  EXPECT_EQ(HeadSeq(), 4);
}

TEST_F(HttpHabitsTest, AKeyCreatesOneJob) {
  const HttpResponse first = PostWithKey("/api/v1/jobs", "{}", "\"nightly-7\"");
  EXPECT_EQ(first.status, 201);
  const HttpResponse again = PostWithKey("/api/v1/jobs", "{}", "\"nightly-7\"");
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(Json::parse(again.body)["job_id"], Json::parse(first.body)["job_id"]);
  EXPECT_EQ(again.Header("location"), first.Header("location"));
  EXPECT_EQ(HeadSeq(), 1);
}

TEST_F(HttpHabitsTest, ACommandIsNotRepeatedUnderItsKey) {
  Append("job", R"({"type":"job_started"})");
  Append("job", R"({"type":"gate_pause","gate":"deploy"})");
  const char* approve = "/api/v1/jobs/job/gates/deploy/approve";
  EXPECT_EQ(PostWithKey(approve, "{}", "\"a\"").status, 201);
  EXPECT_EQ(PostWithKey(approve, "{}", "\"a\"").status, 200);
  Append("job", R"({"type":"job_completed"})");
  EXPECT_EQ(PostWithKey("/api/v1/jobs/job/resume", "{}", "\"r\"").status, 201);
  Append("job", R"({"type":"job_completed"})");
  EXPECT_EQ(PostWithKey("/api/v1/jobs/job/resume", "{}", "\"r\"").status, 200);
  EXPECT_EQ(GetJson("/api/v1/jobs/job")["status"], "completed");
}

TEST_F(HttpHabitsTest, WhatCanBeNoKeyIsRefused) {
  const std::string long_key = "\"" + std::string(129, 'k') + "\"";
  for (const char* key :
       {"\"\"", "\"a", "\"a\" b", "a b", "a\"b\"", "\"a\\", "\"\xc3\xa9\"", long_key.c_str()}) {
    ExpectProblem(PostWithKey(kEvents, kLogEvent, key), 422, "invalid_id");
    ExpectProblem(PostWithKey("/api/v1/jobs", "{}", key), 422, "invalid_id");
  }
  ExpectProblem(admin().Post(kEvents, kLogEvent, "application/json",
                             {{"Idempotency-Key", "\"a\""}, {"idempotency-key", "\"b\""}}),
                422, "duplicate_key");
  EXPECT_EQ(HeadSeq(), 0);
}

TEST_F(HttpHabitsTest, AStateThatHasNotChangedIsNotSentAgain) {
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  Append("job", R"({"type":"gate_pause","gate":"deploy"})");
  for (const char* target :
       {"/api/v1/jobs/job", "/api/v1/jobs/job/stages", "/api/v1/jobs/job/stages/encode",
        "/api/v1/jobs/job/gates", "/api/v1/jobs/job/gates/deploy", "/api/v1/jobs/job?at_seq=1"}) {
    const HttpResponse state = admin().Get(target);
    const std::string tag = state.Header("etag");
    ASSERT_TRUE(tag.starts_with("W/\"")) << target;
    const HttpResponse unchanged = GetUnless(target, "\"x\", " + tag);
    EXPECT_EQ(unchanged.status, 304) << target;
    EXPECT_EQ(unchanged.body, "");
    EXPECT_EQ(unchanged.Header("etag"), tag);
    EXPECT_EQ(GetUnless(target, "*").status, 304);
    EXPECT_EQ(GetUnless(target, "\"x\"").status, 200);
  }
  const std::string tag = admin().Get("/api/v1/jobs/job").Header("etag");
  AppendLogs("another", 1);
  EXPECT_EQ(GetUnless("/api/v1/jobs/job", tag).status, 304);
  AppendLogs("job", 1);
  EXPECT_EQ(GetUnless("/api/v1/jobs/job", tag).status, 200);
  EXPECT_EQ(GetUnless("/api/v1/jobs/none", "*").status, 404);
}

TEST_F(HttpHabitsTest, ATokenMayHaveALimit) {
  Stop();
  Start(std::string(kTestConfig) +
        "    - {name: slow, token: token-of-the-slow, roles: [writer], requests_per_minute: 3}\n");
  const HttpClient slow = As("token-of-the-slow");
  const HttpResponse first = slow.Post(kEvents, kLogEvent);
  EXPECT_EQ(first.status, 201);
  EXPECT_THAT(first.Header("ratelimit"), HasSubstr("\"token\";r=2;t="));
  EXPECT_EQ(first.Header("ratelimit-policy"), "\"token\";q=3;w=60");
  EXPECT_EQ(slow.Get(kEvents).status, 200);
  // What is refused counts as well.
  const HttpResponse forbidden = slow.Post("/api/v1/admin/backup", "{}");
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_THAT(forbidden.Header("ratelimit"), HasSubstr("r=0"));
  const HttpResponse refused = slow.Post(kEvents, kLogEvent);
  ExpectProblem(refused, 429, "rate_limited");
  EXPECT_GT(std::stoi(refused.Header("retry-after")), 0);
  EXPECT_EQ(admin().Get(kEvents).Header("ratelimit"), "");
  EXPECT_EQ(HeadSeq(), 1);
  // An EventSource would give up for good at a 429.
  const auto stream = SseClient::Open(daemon_->port(), kJobStream, "token-of-the-slow");
  ASSERT_TRUE(stream);
  EXPECT_EQ(stream->head().status, 200);
}

TEST_F(HttpHabitsTest, PagesLinkToTheNext) {
  AppendLogs("a", 3);
  AppendLogs("b", 1);
  const auto target_of = [](const HttpResponse& page) {
    const std::string link = page.Header("link");
    EXPECT_THAT(link, HasSubstr(">; rel=\"next\""));
    return link.empty() ? link : link.substr(1, link.find('>') - 1);
  };
  std::string target = "/api/v1/events?since=all&limit=1&type=log&q=%22%26&wait=0";
  EXPECT_EQ(admin().Get(target).Header("link"), "");  // nothing matches
  target = "/api/v1/jobs/a/events?since=all&limit=2&type=log";
  const HttpResponse first = admin().Get(target);
  EXPECT_EQ(target_of(first), "/api/v1/jobs/a/events?limit=2&type=log&after=2");
  const HttpResponse last = admin().Get(target_of(first));
  EXPECT_EQ(Json::parse(last.body)["events"].size(), 1U);
  EXPECT_EQ(last.Header("link"), "");
  EXPECT_THAT(target_of(admin().Get("/api/v1/jobs?limit=1&since=1h&status=running,created")),
              HasSubstr("/api/v1/jobs?since=20"));
  const HttpResponse jobs = admin().Get("/api/v1/jobs?limit=1");
  EXPECT_EQ(Json::parse(admin().Get(target_of(jobs)).body)["jobs"][0]["job_id"], "a");
}

}  // namespace
}  // namespace stagelog
