// Starting, signals, stopping.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kConfigWithoutTheReader = R"(
auth:
  tokens:
    - {name: admin, token: default-admin-token-change-me, roles: [admin]}
    - {name: gpu-3, token: token-of-the-writer, roles: [writer]}
)";

class LifecycleTest : public DaemonTest {
 protected:
  // A start that must fail; returns what it said.
  std::string FailedStart(std::string_view config, const std::string& host = "127.0.0.1") {
    WriteConfig(config);
    DaemonOptions options = Options();
    options.host = host;
    auto daemon = DaemonProcess::Spawn(options);
    EXPECT_TRUE(daemon);
    if (!daemon) return "";
    const std::optional<int> code = (*daemon)->WaitForExit(std::chrono::seconds(20));
    EXPECT_TRUE(code && *code > 0 && *code < 128) << code.value_or(-1);
    return (*daemon)->StderrText();
  }
};

TEST_F(LifecycleTest, EndsWithZeroOnEitherSignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Start();
    AppendLogs("job", 3);
    daemon_->Signal(signal);
    EXPECT_EQ(daemon_->WaitForExit(std::chrono::seconds(20)), 0);
  }
}

TEST_F(LifecycleTest, WhoWaitsIsAnsweredWhenTheDaemonEnds) {
  Start();
  AppendLogs("job", 2);
  SseClient stream = OpenStream("/api/v1/jobs/job/events/stream?after=2");
  ASSERT_TRUE(stream.NextNamed("connected"));
  auto idle = HttpConnection::Connect(daemon_->port());
  auto poll = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(idle && poll);
  ASSERT_TRUE(
      poll->Send(RequestText("GET", "/api/v1/events?after=2&wait=60", BearerHeader(kAdminToken))));
  // An answer to a later request on the other connection: by then the poll is most likely parked.
  // Should it not be, it may be refused as a new request (503): both are right.
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(idle->Send(RequestText("GET", "/api/v1/jobs", BearerHeader(kAdminToken))));
    ASSERT_TRUE(idle->ReadResponse());
  }
  daemon_->Signal(SIGTERM);
  const auto answer = poll->ReadResponse();
  ASSERT_TRUE(answer) << answer.error().message;
  if (answer->status != 503) {
    EXPECT_EQ(answer->status, 200);
    EXPECT_THAT(Json::parse(answer->body).at("events"), IsEmpty());
  }
  EXPECT_TRUE(stream.WaitForCut());
  EXPECT_TRUE(idle->WaitForClose(std::chrono::seconds(10)));
  EXPECT_EQ(daemon_->WaitForExit(std::chrono::seconds(20)), 0);
}

TEST_F(LifecycleTest, WhatWasAcknowledgedBeforeTheEndIsThere) {
  Start();
  auto connection = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(connection);
  const HttpHeaders headers = {{"Authorization", "Bearer " + std::string(kAdminToken)},
                               {"Content-Type", "application/json"}};
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    requests +=
        RequestText("POST", "/api/v1/jobs/job/events", headers, R"({"type":"log","message":"m"})");
  }
  ASSERT_TRUE(connection->Send(requests));
  ASSERT_TRUE(connection->ReadResponse());
  daemon_->Signal(SIGTERM);
  size_t acknowledged = 1;
  for (auto answer = connection->ReadResponse(); answer; answer = connection->ReadResponse()) {
    if (answer->status == 201) ++acknowledged;
  }
  EXPECT_EQ(daemon_->WaitForExit(std::chrono::seconds(20)), 0);
  EXPECT_GE(Lines("job").size(), acknowledged);
}

TEST_F(LifecycleTest, ATokenThatIsTakenAwayClosesItsStreams) {
  Start();
  auto gone = SseClient::Open(daemon_->port(), "/api/v1/events/stream", kReaderToken);
  ASSERT_TRUE(gone && gone->head().status == 200);
  SseClient stays = OpenStream("/api/v1/events/stream");
  ASSERT_TRUE(gone->NextNamed("connected"));
  ASSERT_TRUE(stays.NextNamed("connected"));
  WriteConfig(kConfigWithoutTheReader);
  daemon_->Signal(SIGHUP);
  EXPECT_TRUE(gone->WaitForCut());
  ExpectProblem(As(kReaderToken).Get("/api/v1/events"), 401, "invalid_token");
  EXPECT_EQ(As(kWriterToken).Get("/api/v1/events").status, 200);
  AppendLogs("job", 1);
  const auto frame = stays.NextEvent();
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->last_event_id, "1");
}

TEST_F(LifecycleTest, ABadRereadChangesNothing) {
  Start();
  SseClient stream = OpenStream("/api/v1/events/stream");
  WriteConfig("auth:\n  tokns: []\n");
  daemon_->Signal(SIGHUP);
  AppendLogs("job", 1);
  EXPECT_TRUE(stream.NextEvent());
  EXPECT_EQ(As(kReaderToken).Get("/api/v1/events").status, 200);
}

TEST_F(LifecycleTest, EverythingThatIsWrongWithAConfigurationIsNamed) {
  const std::string text = FailedStart("server:\n  prot: 1\nlimits:\n  head_bytes: many\n");
  EXPECT_THAT(text, HasSubstr("operator.yaml:2"));
  EXPECT_THAT(text, HasSubstr("prot"));
  EXPECT_THAT(text, HasSubstr("operator.yaml:4"));
}

TEST_F(LifecycleTest, TheKnownTokenIsServedOnLoopbackOnly) {
  EXPECT_THAT(FailedStart("", "0.0.0.0"), HasSubstr("token"));
}

TEST_F(LifecycleTest, APortInUseIsNamed) {
  Start();
  const std::string other_runs = directory_.Path("other-runs");
  DaemonOptions options = Options(daemon_->port());
  options.runs_dir = other_runs;
  options.stderr_path = directory_.Path("stderr-of-the-second");
  auto second = DaemonProcess::Spawn(options);
  ASSERT_TRUE(second);
  const std::optional<int> code = (*second)->WaitForExit(std::chrono::seconds(20));
  EXPECT_TRUE(code && *code > 0 && *code < 128) << code.value_or(-1);
  EXPECT_THAT((*second)->StderrText(), HasSubstr(std::to_string(daemon_->port())));
}

}  // namespace
}  // namespace stagelog
