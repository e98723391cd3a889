// Tickets: streams of pages of other origins, and workers that are not trusted with a token.
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class TicketTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  HttpClient nobody() const { return HttpClient(daemon_->port(), ""); }

  std::string Make(std::string_view token, const std::string& order) {
    const HttpResponse made = As(token).Post("/api/v1/tickets", order);
    EXPECT_EQ(made.status, 201) << made.body;
    return Json::parse(made.body)["ticket"];
  }
};

TEST_F(TicketTest, OutlivesACrashAndReadsOn) {
  const std::string query = "?ticket=" + Make(kReaderToken, R"({"job":"job"})");
  Append("job", kLogEvent);
  const uint16_t port = daemon_->port();
  daemon_->Kill9();
  Start(kTestConfig, port);
  Append("job", kLogEvent);
  const HttpResponse page = nobody().Get("/api/v1/jobs/job/events" + query);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(Json::parse(page.body)["events"].size(), 2);
  EXPECT_EQ(nobody().Get("/api/v1/jobs/job" + query).status, 200);
  auto stream = SseClient::Open(port, "/api/v1/jobs/job/events/stream" + query, "");
  ASSERT_TRUE(stream);
  EXPECT_TRUE(stream->NextEvent());
}

TEST_F(TicketTest, OpensASearchOfItsJobAlone) {
  Append("job", kLogEvent);
  Append("other", kLogEvent);
  const std::string ticket = "&ticket=" + Make(kReaderToken, R"({"job":"job"})");
  const HttpResponse page = nobody().Get("/api/v1/events?job=job&after=0" + ticket);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(EventBodies(page.body).size(), 1U);
  for (const char* query : {"after=0", "job=other", "job=job,other", "job=", "job=job&job=other"}) {
    EXPECT_EQ(nobody().Get("/api/v1/events?" + std::string(query) + ticket).status / 100, 4)
        << query;
    EXPECT_EQ(nobody().Get("/api/v1/events/stream?" + std::string(query) + ticket).status / 100, 4)
        << query;
  }
}

TEST_F(TicketTest, EndsWithItsTimeAndItsToken) {
  const std::string brief = Make(kReaderToken, R"({"seconds":1})");
  const std::string longer = Make(kReaderToken, "{}");
  EXPECT_EQ(nobody().Get("/api/v1/events?ticket=" + longer).status, 200);
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  HttpResponse refused;
  do {
    refused = nobody().Get("/api/v1/events?wait=1&ticket=" + brief);
  } while (refused.status == 200 && std::chrono::steady_clock::now() < give_up_at);
  ExpectProblem(refused, 401, "invalid_ticket");
  EXPECT_THAT(refused.body, Not(HasSubstr(brief)));
  std::string config(kTestConfig);
  const std::string old = "token-of-the-reader";
  config.replace(config.find(old), old.size(), "another-token-of-the-reader");
  const uint16_t port = daemon_->port();
  Stop();
  Start(config, port);
  ExpectProblem(nobody().Get("/api/v1/events?ticket=" + longer), 401, "invalid_ticket");
}

// The client of the test waits for ten seconds at most.
TEST_F(TicketTest, ALongPollWaitsNoLongerThanItsTicket) {
  const std::string ticket = Make(kReaderToken, R"({"seconds":1})");
  const HttpResponse page = nobody().Get("/api/v1/events?after=0&wait=60&ticket=" + ticket);
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(nobody().Get("/api/v1/jobs/job/gates/g?wait=60&ticket=" + ticket).status / 100, 4);
}

TEST_F(TicketTest, AWorkerAppendsToItsJobAsLongAsThatGoesOn) {
  const std::string ticket = Make(kWriterToken, R"({"job":"render-1","append":true})");
  const HttpClient worker = As(ticket);
  const std::string events = "/api/v1/jobs/render-1/events";
  EXPECT_EQ(worker.Post(events, R"({"type":"job_started"})").status, 201);
  EXPECT_EQ(worker.Post(events, R"({"type":"heartbeat"})").status, 202);
  EXPECT_EQ(Json::parse(Lines("render-1").front())["actor"], "gpu-3");
  ExpectProblem(worker.Post("/api/v1/jobs/render-2/events", kLogEvent), 403, "forbidden");
  ExpectProblem(
      worker.Post("/api/v1/events", R"({"type":"log","message":"m","job_id":"render-1"})"), 403,
      "forbidden");
  ExpectProblem(worker.Post(events, R"({"type":"gate_approved","gate":"g"})"), 403, "forbidden");
  ExpectProblem(worker.Post("/api/v1/jobs/render-1/cancel", ""), 403, "forbidden");
  ExpectProblem(worker.Post("/api/v1/tickets", R"({"job":"render-1"})"), 403, "forbidden");
  ExpectProblem(nobody().Post(events + "?ticket=" + ticket, kLogEvent), 403, "forbidden");
  EXPECT_EQ(worker.Get("/api/v1/jobs/render-1").status, 200);
  ExpectProblem(worker.Get("/api/v1/jobs"), 403, "forbidden");
  const std::string end = R"({"type":"job_completed","event_id":"the-end"})";
  EXPECT_EQ(worker.Post(events, end).status, 201);
  EXPECT_EQ(worker.Post(events, end).status, 200) << "the answer was lost, and it tries again";
  ExpectProblem(worker.Post(events, kLogEvent), 401, "invalid_ticket");
  EXPECT_EQ(Lines("render-1").size(), 2);
  EXPECT_EQ(As(kWriterToken).Post("/api/v1/jobs/render-1/resume", "").status, 201);
  EXPECT_EQ(worker.Post(events, kLogEvent).status, 201) << "the job goes on, and so does it";
}

TEST_F(TicketTest, GrantsNoMoreThanTheTokenHas) {
  ExpectProblem(As(kReaderToken).Post("/api/v1/tickets", R"({"job":"job","append":true})"), 403,
                "forbidden");
  ExpectProblem(As(kApproverToken).Post("/api/v1/tickets", R"({"job":"job","append":true})"), 403,
                "forbidden");
  for (const char* order : {R"({"seconds":0})", R"({"seconds":3601})", R"({"seconds":"60"})",
                            R"({"seconds":1.5})", R"({"append":1,"job":"job"})", R"({"job":7})"}) {
    ExpectProblem(admin().Post("/api/v1/tickets", order), 422, "invalid_field");
  }
  ExpectProblem(admin().Post("/api/v1/tickets", R"({"job":"../etc"})"), 422, "invalid_id");
  ExpectProblem(admin().Post("/api/v1/tickets", R"({"append":true})"), 422, "missing_field");
  ExpectProblem(admin().Post("/api/v1/tickets", R"({"jobs":"job"})"), 422, "unknown_key");
}

// Nothing that the daemon writes has the query of a request in it.
TEST_F(TicketTest, IsNotWrittenDown) {
  Stop();
  std::string config(kTestConfig);
  config.replace(config.find("server:\n"), 8, "server:\n  log_level: trace\n");
  Start(config);
  const std::string ticket = Make(kAdminToken, R"({"job":"job"})");
  Append("job", kLogEvent);
  for (const char* target : {"/api/v1/jobs/job/events", "/api/v1/jobs/other", "/api/v1/jobs",
                             "/nowhere", "/healthz", "/api/v1/jobs/job/events?limit=1"}) {
    const std::string separator = std::string(target).find('?') == std::string::npos ? "?" : "&";
    const HttpResponse answer = nobody().Get(target + separator + "ticket=" + ticket);
    EXPECT_THAT(answer.body, Not(HasSubstr(ticket))) << target;
    for (const auto& [name, value] : answer.headers) EXPECT_THAT(value, Not(HasSubstr(ticket)));
  }
  auto stream =
      SseClient::Open(daemon_->port(), "/api/v1/jobs/job/events/stream?ticket=" + ticket, "");
  ASSERT_TRUE(stream);
  EXPECT_TRUE(stream->NextEvent());
  Stop();
  EXPECT_THAT(daemon_->StderrText(), Not(HasSubstr(ticket.substr(0, 20))));
}

}  // namespace
}  // namespace stagelog
