// HTTP as clients really speak it: methods, connections, framing, roles, names and metrics.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "tests/support/daemon_fixture.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

class HttpTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  HttpConnection Connect() {
    auto connection = HttpConnection::Connect(daemon_->port());
    if (!connection) throw std::runtime_error(connection.error().message);
    return std::move(*connection);
  }

  static HttpResponse Read(HttpConnection& connection) {
    auto response = connection.ReadResponse();
    EXPECT_TRUE(response) << response.error().message;
    return response ? std::move(*response) : HttpResponse();
  }

  static std::string PostText(const std::string& body) {
    return RequestText("POST", kEvents,
                       {{"Authorization", "Bearer " + std::string(kAdminToken)},
                        {"Content-Type", "application/json"}},
                       body);
  }

  static std::string HeadOfPost(const std::string& more_lines) {
    return "POST " + std::string(kEvents) +
           " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + std::string(kAdminToken) +
           "\r\nContent-Type: application/json\r\n" + more_lines + "\r\n";
  }
};

TEST_F(HttpTest, AConnectionIsKept) {
  HttpConnection connection = Connect();
  for (int i = 1; i <= 50; ++i) {
    ASSERT_TRUE(connection.Send(PostText(kLogEvent)));
    const HttpResponse response = Read(connection);
    ASSERT_EQ(response.status, 201) << response.body;
    EXPECT_EQ(Json::parse(response.body).at("seq"), i);
  }
}

TEST_F(HttpTest, AConnectionIsClosedWhereThatIsAskedFor) {
  HttpConnection connection = Connect();
  ASSERT_TRUE(connection.Send(RequestText("GET", "/healthz", {{"Connection", "close"}})));
  EXPECT_EQ(Read(connection).status, 200);
  EXPECT_TRUE(connection.WaitForClose(std::chrono::seconds(5)));
}

TEST_F(HttpTest, PipelinedRequestsAreAnsweredInOrder) {
  HttpConnection connection = Connect();
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += PostText(kLogEvent);
    requests += RequestText("GET", "/api/v1/nowhere", BearerHeader(kAdminToken));
    requests += RequestText("GET", "/api/v1/events?limit=1", BearerHeader(kAdminToken));
  }
  ASSERT_TRUE(connection.Send(requests));
  for (int i = 1; i <= 20; ++i) {
    const HttpResponse posted = Read(connection);
    ASSERT_EQ(posted.status, 201) << posted.body;
    EXPECT_EQ(Json::parse(posted.body).at("seq"), i);
    ASSERT_EQ(Read(connection).status, 404);
    const HttpResponse polled = Read(connection);
    ASSERT_EQ(polled.status, 200) << polled.body;
    EXPECT_EQ(Json::parse(polled.body).at("head_seq"), i);
  }
}

TEST_F(HttpTest, ARequestMayComeByteByByte) {
  HttpConnection connection = Connect();
  for (const char c : PostText(kLogEvent)) ASSERT_TRUE(connection.Send(std::string_view(&c, 1)));
  EXPECT_EQ(Read(connection).status, 201);
}

TEST_F(HttpTest, TheBodyIsAskedForWhereThatIsExpected) {
  HttpConnection connection = Connect();
  const std::string body = kLogEvent;
  ASSERT_TRUE(connection.Send(HeadOfPost(
      "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) + "\r\n")));
  EXPECT_EQ(Read(connection).status, 100);
  ASSERT_TRUE(connection.Send(body));
  EXPECT_EQ(Read(connection).status, 201);
}

TEST_F(HttpTest, ABodyIsAskedForBehindWhatIsOwed) {
  HttpConnection connection = Connect();
  const std::string body = kLogEvent;
  ASSERT_TRUE(connection.Send(RequestText("GET", "/healthz", {}) +
                              HeadOfPost("Expect: 100-continue\r\nContent-Length: " +
                                         std::to_string(body.size()) + "\r\n")));
  EXPECT_EQ(Read(connection).status, 200);
  EXPECT_EQ(Read(connection).status, 100);
  ASSERT_TRUE(connection.Send(body));
  EXPECT_EQ(Read(connection).status, 201);
}

TEST_F(HttpTest, AStreamBeginsBehindWhatIsOwed) {
  HttpConnection connection = Connect();
  ASSERT_TRUE(connection.Send(
      RequestText("GET", "/healthz", {}) +
      RequestText("GET", "/api/v1/jobs/job/events/stream", BearerHeader(kAdminToken))));
  EXPECT_EQ(Read(connection).Header("content-type"), "application/json");
  EXPECT_EQ(connection.ReadHead()->Header("content-type"), "text/event-stream");
}

TEST_F(HttpTest, ARequestBehindALargeAnswerIsServed) {
  const std::string large = R"({"type":"log","message":")" + std::string(200'000, 'm') + "\"}";
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(admin().Post("/api/v1/jobs/large/events", large).status, 201);
  }
  HttpConnection connection = Connect();
  ASSERT_TRUE(connection.Send(
      RequestText("GET", "/api/v1/jobs/large/events?since=all", BearerHeader(kAdminToken)) +
      RequestText("GET", "/healthz", {})));
  EXPECT_GT(Read(connection).body.size(), 2'000'000u);
  EXPECT_EQ(Read(connection).status, 200);
}

TEST_F(HttpTest, AnAnswerThatIsOnItsWayIsFinishedBeforeTheDaemonEnds) {
  const std::string large = R"({"type":"log","message":")" + std::string(200'000, 'm') + "\"}";
  for (int i = 0; i < 35; ++i) {
    ASSERT_EQ(admin().Post("/api/v1/jobs/large/events", large).status, 201);
  }
  HttpConnection connection = Connect();
  ASSERT_TRUE(connection.Send(
      RequestText("GET", "/api/v1/jobs/large/events?since=all", BearerHeader(kAdminToken))));
  ASSERT_FALSE(connection.ReadSome(std::chrono::seconds(5))->empty());  // more than sockets hold
  daemon_->Signal(SIGTERM);
  size_t bytes = 0;
  for (std::string part = "x"; !part.empty(); bytes += part.size()) {
    const auto next = connection.ReadSome(std::chrono::seconds(5));
    ASSERT_TRUE(next);
    part = *next;
  }
  EXPECT_GT(bytes, 6'900'000u);
}

TEST_F(HttpTest, ABodyThatWillBeRefusedIsNotAskedFor) {
  HttpConnection connection = Connect();
  ASSERT_TRUE(connection.Send(HeadOfPost("Expect: 100-continue\r\nContent-Length: 99999999\r\n")));
  ExpectProblem(Read(connection), 413, "body_too_large");
}

TEST_F(HttpTest, ABodyMayComeInChunks) {
  HttpConnection connection = Connect();
  ASSERT_TRUE(connection.Send(HeadOfPost("Transfer-Encoding: chunked\r\n") +
                              "9\r\n{\"type\":\"\r\n"
                              "0a;extension=1\r\nlog\",\"mess\r\n"
                              "9\r\nage\":\"m\"}\r\n"
                              "0\r\n\r\n"));
  EXPECT_EQ(Read(connection).status, 201);
  ASSERT_TRUE(connection.Send(PostText(kLogEvent)));
  EXPECT_EQ(Read(connection).status, 201);
}

TEST_F(HttpTest, HeadIsGetWithoutTheBody) {
  AppendLogs("job", 1);
  for (const char* target : {"/healthz", "/api/v1/jobs/job", "/api/v1/events?after=0"}) {
    const HttpResponse whole = admin().Get(target);
    const HttpResponse head = admin().Request("HEAD", target, {});
    EXPECT_EQ(head.status, 200) << target;
    EXPECT_EQ(head.Header("content-length"), std::to_string(whole.body.size())) << target;
    EXPECT_EQ(head.Header("content-type"), whole.Header("content-type")) << target;
  }
  HttpConnection connection = Connect();
  ASSERT_TRUE(
      connection.Send(RequestText("HEAD", "/healthz", {}) + RequestText("GET", "/healthz", {})));
  EXPECT_EQ(connection.ReadResponse(true)->status, 200);
  EXPECT_EQ(Read(connection).status, 200);
}

TEST_F(HttpTest, WhatTheLibraryWouldDoToAnAnswerIsNotDone) {
  AppendLogs("job", 50);
  const std::string whole = admin().Get("/api/v1/events?after=0").body;
  const HttpResponse ranged = admin().Get(
      "/api/v1/events?after=0", {{"Range", "bytes=0-9"}, {"Accept-Encoding", "br, deflate"}});
  EXPECT_EQ(ranged.status, 200);
  EXPECT_FALSE(ranged.HasHeader("content-encoding"));
  EXPECT_EQ(ranged.body, whole);
}

TEST_F(HttpTest, PagesOfAllowedOriginsMayAsk) {
  const HttpHeaders preflight = {{"Origin", "http://localhost:5173"},
                                 {"Access-Control-Request-Method", "GET"},
                                 {"Access-Control-Request-Headers", "authorization,last-event-id"}};
  const HttpResponse allowed =
      HttpClient(daemon_->port(), "").Request("OPTIONS", "/api/v1/events/stream", preflight);
  EXPECT_TRUE(allowed.status == 200 || allowed.status == 204) << allowed.status;
  EXPECT_EQ(allowed.Header("access-control-allow-origin"), "http://localhost:5173");
  EXPECT_THAT(allowed.Header("access-control-allow-headers"), HasSubstr("Authorization"));
  EXPECT_THAT(allowed.Header("access-control-allow-headers"), HasSubstr("Last-Event-ID"));
  EXPECT_THAT(allowed.Header("access-control-allow-headers"), HasSubstr("Content-Type"));
  EXPECT_THAT(allowed.Header("access-control-allow-methods"), HasSubstr("POST"));

  const HttpHeaders origin = {{"Origin", "http://localhost:5173"}};
  EXPECT_EQ(admin().Get("/api/v1/jobs", origin).Header("access-control-allow-origin"),
            "http://localhost:5173");
  const SseClient stream = OpenStream("/api/v1/events/stream", origin);
  EXPECT_EQ(stream.head().Header("access-control-allow-origin"), "http://localhost:5173");
  EXPECT_EQ(HttpClient(daemon_->port(), "")
                .Get("/api/v1/jobs", origin)
                .Header("access-control-allow-origin"),
            "http://localhost:5173");
}

TEST_F(HttpTest, PagesOfOtherOriginsMayNot) {
  const HttpHeaders origin = {{"Origin", "http://evil.example"}};
  EXPECT_FALSE(admin().Get("/api/v1/jobs", origin).HasHeader("access-control-allow-origin"));
  EXPECT_FALSE(
      admin().Request("OPTIONS", "/api/v1/jobs", origin).HasHeader("access-control-allow-origin"));
}

TEST_F(HttpTest, EachRoleMayDoItsOwn) {
  Append("job", R"({"type":"gate_pause","gate":"qa"})");
  const std::string decision = R"({"type":"gate_approved","gate":"qa"})";
  for (const std::string_view token : {kReaderToken, kWriterToken, kApproverToken, kAdminToken}) {
    EXPECT_EQ(As(token).Get("/api/v1/events").status, 200) << token;
  }
  ExpectProblem(As(kReaderToken).Post(kEvents, kLogEvent), 403, "forbidden");
  ExpectProblem(As(kReaderToken).Post("/api/v1/jobs", "{}"), 403, "forbidden");
  EXPECT_EQ(As(kWriterToken).Post(kEvents, kLogEvent).status, 201);
  ExpectProblem(As(kWriterToken).Post(kEvents, decision), 403, "forbidden");
  ExpectProblem(As(kWriterToken).Post(kEvents, "[" + std::string(kLogEvent) + "," + decision + "]"),
                403, "forbidden");
  EXPECT_EQ(As(kApproverToken).Post(kEvents, decision).status, 201);
  EXPECT_EQ(As(kAdminToken).Post(kEvents, decision).status, 201);
}

TEST_F(HttpTest, AChallengeGoesWithEvery401) {
  const HttpResponse none = HttpClient(daemon_->port(), "").Get("/api/v1/events");
  ExpectProblem(none, 401, "missing_token");
  EXPECT_TRUE(none.Header("www-authenticate").starts_with("Bearer"));
  const HttpResponse wrong = As("wrong").Get("/api/v1/events");
  ExpectProblem(wrong, 401, "invalid_token");
  EXPECT_TRUE(wrong.Header("www-authenticate").starts_with("Bearer"));
}

TEST_F(HttpTest, ATokenDoesNotTravelInAUrl) {
  ExpectProblem(HttpClient(daemon_->port(), "")
                    .Get("/api/v1/events?token=" + std::string(kAdminToken) +
                         "&access_token=" + std::string(kAdminToken)),
                401, "missing_token");
}

TEST_F(HttpTest, TheHostMustBeOneOfOurs) {
  const auto status_for = [&](const std::string& host) {
    return admin().Request("GET", "/healthz", {{"Host", host}}).status;
  };
  for (const char* host : {"127.0.0.1", "127.0.0.1:8008", "localhost", "localhost:1", "[::1]:8008",
                           "journal.example.org", "JOURNAL.example.org:443", "192.168.1.7"}) {
    EXPECT_EQ(status_for(host), 200) << host;
  }
  for (const char* host :
       {"evil.example.org", "journal.example.org.evil.com", "127.0.0.1.nip.io"}) {
    ExpectProblem(admin().Request("GET", "/api/v1/events", {{"Host", host}}), 421, "unknown_host");
  }
}

TEST_F(HttpTest, HealthNeedsNoToken) {
  const HttpClient nobody(daemon_->port(), "");
  EXPECT_EQ(nobody.Get("/healthz").status, 200);
  const HttpResponse ready = nobody.Get("/readyz");
  EXPECT_EQ(ready.status, 200) << ready.body;
  EXPECT_TRUE(Json::accept(ready.body)) << ready.body;
}

TEST_F(HttpTest, MetricsAreAsPrometheusLikesThem) {
  AppendLogs("job", 3);
  const SseClient stream = OpenStream("/api/v1/events/stream");
  const HttpResponse metrics = admin().Get("/metrics");
  ASSERT_EQ(metrics.status, 200) << metrics.body;
  EXPECT_TRUE(metrics.Header("content-type").starts_with("text/plain")) << metrics.body;
  EXPECT_THAT(metrics.body, HasSubstr("stagelog_"));
  EXPECT_THAT(metrics.body, HasSubstr("stagelog_subscribers 1\n"));
  if (std::system("command -v promtool >/dev/null") != 0) SKIP_TEST() << "no promtool here";
  const std::string path = directory_.Path("metrics.txt");
  std::ofstream(path) << metrics.body;
  const std::string command = "promtool check metrics < " + path + " > " + path + ".out 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadAll(path + ".out");
  EXPECT_EQ(ReadAll(path + ".out"), "");
}

// Guarantee 11 in src/GUARANTEES.md: who is idle keeps nobody waiting.
TEST_F(HttpTest, FiveHundredStreamsAndFiveHundredIdleConnectionsDelayNobody) {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<HttpConnection> idle;
  std::vector<SseClient> streams;
  for (int i = 0; i < 500; ++i) {
    idle.push_back(Connect());
    ASSERT_TRUE(idle.back().Send(RequestText("GET", "/healthz", {})));
    ASSERT_EQ(Read(idle.back()).status, 200);
    streams.push_back(OpenStream("/api/v1/events/stream"));
    ASSERT_TRUE(streams.back().NextNamed("connected"));
  }
  EXPECT_EQ(SeqOf(Append("job", kLogEvent)), 1);
  for (SseClient& stream : streams) {
    const auto frame = stream.NextEvent();
    ASSERT_TRUE(frame) << frame.error().message;
    EXPECT_EQ(frame->last_event_id, "1");
  }
  for (HttpConnection& connection : idle) {
    ASSERT_TRUE(connection.Send(RequestText("GET", "/healthz", {})));
    ASSERT_EQ(Read(connection).status, 200);
  }
}

}  // namespace
}  // namespace stagelog
