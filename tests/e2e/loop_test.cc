// The request loop of a real daemon under clients that pipeline, flood, search, idle and hang up.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using std::chrono::seconds;

class LoopTest : public DaemonTest {
 protected:
  ~LoopTest() override { ::unsetenv("STAGELOG_DAEMON"); }

  HttpConnection Connect(std::chrono::milliseconds timeout = seconds(10)) {
    auto connection = HttpConnection::Connect(daemon_->port(), timeout);
    if (!connection) throw std::runtime_error(connection.error().message);
    return std::move(*connection);
  }

  static std::string Post(std::string_view token = kAdminToken) {
    HttpHeaders headers = BearerHeader(token);
    headers.emplace_back("Content-Type", "application/json");
    return RequestText("POST", kEvents, headers, kLogEvent);
  }
  static std::string Get(const std::string& target) {
    return RequestText("GET", target, BearerHeader(kAdminToken));
  }

  // Starts the daemon with so many descriptors.
  void StartWithDescriptors(int count) {
    const std::string path = directory_.Path("start");
    std::ofstream(path) << "#!/bin/sh\nulimit -n " << count << "; exec '" << DaemonPath()
                        << "' \"$@\"\n";
    std::filesystem::permissions(path, std::filesystem::perms(0755));
    ::setenv("STAGELOG_DAEMON", path.c_str(), 1);
    Start();
  }
};

// Nothing else happens on this daemon: where the writer is not told, an answer comes when some
// timer fires, after seconds.
TEST_F(LoopTest, APostBehindAGetIsAnsweredOnAnIdleDaemon) {
  Start();
  for (int i = 0; i < 5; ++i) {
    HttpConnection connection = Connect(seconds(3));
    ASSERT_TRUE(connection.Send(Get("/api/v1/jobs") + Post()));
    auto read = connection.ReadResponse();
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->status, 200);
    auto posted = connection.ReadResponse();
    ASSERT_TRUE(posted) << posted.error().message;
    EXPECT_EQ(posted->status, 201);
  }
}

TEST_F(LoopTest, AnyNumberOfPipelinedPostsIsAnswered) {
  Start();
  for (const int count : {1, 64, 65, 66, 129, 500}) {
    HttpConnection connection = Connect(seconds(3));
    std::string requests;
    for (int i = 0; i < count; ++i) requests += Post();
    ASSERT_TRUE(connection.Send(requests));
    for (int i = 0; i < count; ++i) {
      auto posted = connection.ReadResponse();
      ASSERT_TRUE(posted) << i << " of " << count << ": " << posted.error().message;
      ASSERT_EQ(posted->status, 201);
    }
  }
}

// More than any socket buffers hold.
TEST_F(LoopTest, ARefusedUploadIsNotReadToItsEnd) {
  Start();
  const std::string large(size_t{256} << 20, 'x');
  for (const std::string_view token : {std::string_view("wrong"), kAdminToken}) {
    HttpConnection connection = Connect();
    HttpHeaders headers = BearerHeader(token);
    headers.emplace_back("Content-Type", "application/json");
    headers.emplace_back("Content-Length", "99999999999");
    ASSERT_TRUE(connection.Send(RequestText("PUT", kEvents, headers).replace(0, 3, "POST")));
    EXPECT_FALSE(connection.Send(large)) << "somebody has read all of it";
    const auto answer = connection.ReadResponse();
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, token == kAdminToken ? 413 : 401);
  }
}

TEST_F(LoopTest, ManyIdleConnectionsUnderFewDescriptorsKeepNobodyOut) {
  StartWithDescriptors(160);
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  std::vector<HttpConnection> idle;
  for (int i = 0; i < 300; ++i) {
    auto connection = HttpConnection::Connect(daemon_->port());
    if (connection) idle.push_back(std::move(*connection));
  }
  // In the first second there may be no room; then the idle ones make it.
  const auto patiently = [](const std::function<HttpResponse()>& ask) {
    HttpResponse answer;
    for (int i = 0; i < 100 && answer.status / 100 != 2; ++i) {
      answer = ask();
      if (answer.status / 100 == 2) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return answer;
  };
  EXPECT_EQ(patiently([&] { return admin().Post(kEvents, kLogEvent); }).status, 201);
  EXPECT_EQ(patiently([&] { return admin().Get("/api/v1/jobs/job"); }).status, 200);
  EXPECT_THAT(patiently([&] { return admin().Get("/metrics"); }).body,
              ::testing::Not(::testing::HasSubstr("stagelog_http_closed_idle_total 0\n")));
}

// A hundred searches over a large journal, whose clients hang up at once.
TEST_F(LoopTest, SearchesOfThoseWhoHaveGoneAreNotRun) {
  Start();
  for (int i = 0; i < 5; ++i) AppendLogs("job", 10'000);
  for (int i = 0; i < 300; ++i) {
    HttpConnection connection = Connect();
    ASSERT_TRUE(connection.Send(Get("/api/v1/events?after=0&q=needle")));
  }
  EXPECT_EQ(admin().Get("/api/v1/events?after=0&q=needle").status, 200);
  const std::string metrics = admin().Get("/metrics").body;
  const size_t at = metrics.find("\nstagelog_http_reads_dropped_total ");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GT(std::stoi(metrics.substr(metrics.find(' ', at))), 50) << metrics.substr(at, 60);
}

}  // namespace
}  // namespace stagelog
