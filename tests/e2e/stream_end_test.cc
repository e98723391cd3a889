// How a stream ends, and how it does not: what a client that reads a body sees of it.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const HttpHeaders kAdmin = BearerHeader(kAdminToken);

class StreamEndTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  // What comes on a connection after a request in HTTP/1.0, until it is closed.
  std::string AnswerToHttp10(const std::string& target) {
    auto connection = HttpConnection::Connect(daemon_->port());
    if (!connection) return "";
    const std::string request = "GET " + target + " HTTP/1.0\r\nAuthorization: Bearer " +
                                std::string(kAdminToken) + "\r\n\r\n";
    EXPECT_TRUE(connection->Send(request));
    std::string answer;
    while (true) {
      const auto bytes = connection->ReadSome(std::chrono::seconds(10));
      if (!bytes || bytes->empty()) return answer;
      answer += *bytes;
    }
  }
};

TEST_F(StreamEndTest, AKilledDaemonIsNoEnd) {
  AppendLogs("job", 3);
  SseClient stream = OpenStream(std::string(kJobStream) + "?until=terminal");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(stream.NextEvent());
  daemon_->Kill9();
  EXPECT_TRUE(stream.WaitForCut());
  Start();  // and is asked to end, as after each test
}

TEST_F(StreamEndTest, AJobThatIsOverIs) {
  SseClient stream = OpenStream(std::string(kJobStream) + "?until=terminal");
  ASSERT_TRUE(stream.NextNamed("connected"));
  Append("job", R"({"type":"job_completed"})");
  ASSERT_TRUE(stream.NextNamed("end"));
  EXPECT_TRUE(stream.WaitForEnd());
}

// As a proxy does that speaks HTTP/1.0 to what is behind it.
TEST_F(StreamEndTest, WithoutChunksTheBodyEndsWithTheConnection) {
  AppendLogs("job", 2);
  Append("job", R"({"type":"job_completed"})");
  const std::string answer = AnswerToHttp10(std::string(kJobStream) + "?until=terminal");
  const size_t head_end = answer.find("\r\n\r\n");
  ASSERT_NE(head_end, std::string::npos) << answer;
  EXPECT_THAT(answer.substr(0, head_end), Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(answer.substr(0, head_end), HasSubstr("Connection: close"));
  std::string expected;
  int seq = 0;
  for (const std::string& line : Lines("job")) {
    expected += "id: " + std::to_string(++seq) + "\ndata: " + line + "\n\n";
  }
  const std::string body = answer.substr(head_end + 4);
  EXPECT_TRUE(body.starts_with("retry: ")) << body;
  EXPECT_THAT(body, HasSubstr("\n\n" + expected + "event: end\n"));
  EXPECT_TRUE(body.ends_with("\n\n")) << body;
}

TEST_F(StreamEndTest, HeadTellsWhatGetWouldSay) {
  const SseClient stream = OpenStream(kJobStream);
  const HttpResponse head = admin().Request("HEAD", kJobStream, {});
  EXPECT_EQ(head.status, 200);
  for (const char* name :
       {"content-type", "cache-control", "x-accel-buffering", "transfer-encoding"}) {
    EXPECT_EQ(head.Header(name), stream.head().Header(name)) << name;
  }
  EXPECT_FALSE(head.HasHeader("content-length"));
  Append("job", R"({"type":"job_completed"})");
  const std::string over = std::string(kJobStream) + "?until=terminal&after=1";
  EXPECT_EQ(admin().Request("HEAD", over, {}).status, 204);
}

TEST_F(StreamEndTest, TheConnectionGoesOnAfterHeadAndNoContent) {
  Append("job", R"({"type":"job_completed"})");
  auto connection = HttpConnection::Connect(daemon_->port());
  ASSERT_TRUE(connection);
  const std::string over = std::string(kJobStream) + "?until=terminal&after=1";
  ASSERT_TRUE(connection->Send(RequestText("HEAD", kJobStream, kAdmin) +
                               RequestText("GET", over, kAdmin) +
                               RequestText("GET", "/healthz", {})));
  EXPECT_EQ(connection->ReadResponse(/*to_head_request=*/true)->status, 200);
  const auto no_content = connection->ReadResponse();
  ASSERT_TRUE(no_content);
  EXPECT_EQ(no_content->status, 204);
  EXPECT_FALSE(no_content->HasHeader("transfer-encoding"));
  EXPECT_FALSE(no_content->HasHeader("content-length"));
  EXPECT_EQ(connection->ReadResponse()->status, 200);
}

}  // namespace
}  // namespace stagelog
