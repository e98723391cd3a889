// What Prometheus reads of jobs, gates, workers, followers and requests.
#include <gmock/gmock.h>

#include <filesystem>
#include <functional>
#include <regex>
#include <thread>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  std::string Metrics() { return HttpClient(daemon_->port(), "").Get("/metrics").body; }

  // The value of a metric as it is spelled there; -1 when it is not there.
  double Value(const std::string& metric) {
    const std::string text = "\n" + Metrics();
    const size_t at = text.find("\n" + metric + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + metric.size() + 2));
  }

  // Looks until it is so, for it may take the time of another thread's turn.
  bool Becomes(const std::string& metric, double value) {
    return Eventually([&] { return Value(metric) == value; });
  }
  bool BecomesMoreThan(const std::string& metric, double value) {
    return Eventually([&] { return Value(metric) > value; });
  }

  static bool Eventually(const std::function<bool()>& is_so) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (std::chrono::steady_clock::now() < give_up) {
      if (is_so()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // time itself is waited for
    }
    return false;
  }
};

TEST_F(MetricsTest, JobsAreCountedByStatus) {
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"running\"}", 0));
  Append("a", R"({"type":"job_created"})");
  Append("b", R"({"type":"job_started"})");
  Append("c", R"({"type":"job_started"})");
  Append("d", R"({"type":"job_failed"})");
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"created\"}", 1));
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"running\"}", 2));
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"failed\"}", 1));
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"completed\"}", 0));
  Append("b", R"({"type":"job_completed"})");
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"running\"}", 1));
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"completed\"}", 1));
  ASSERT_EQ(admin().Request("DELETE", "/api/v1/jobs/d", {}).status, 200);
  EXPECT_TRUE(Becomes("stagelog_jobs{status=\"failed\"}", 0));
}

TEST_F(MetricsTest, PendingGatesAreCountedAndTheOldestIsTimed) {
  EXPECT_TRUE(Becomes("stagelog_pending_gates", 0));
  EXPECT_TRUE(Becomes("stagelog_oldest_pending_gate_age_seconds", 0));
  Append("a", R"({"type":"gate_pause","gate":"g"})");
  Append("b", R"({"type":"gate_pause","gate":"g"})");
  EXPECT_TRUE(Becomes("stagelog_pending_gates", 2));
  EXPECT_TRUE(Becomes("stagelog_oldest_pending_gate_age_seconds", 1));
  ASSERT_EQ(admin().Post("/api/v1/jobs/a/gates/g/approve", "").status, 201);
  EXPECT_TRUE(Becomes("stagelog_pending_gates", 1));
  ASSERT_EQ(admin().Post("/api/v1/jobs/b/cancel", "").status, 201);
  EXPECT_TRUE(Becomes("stagelog_pending_gates", 0));
  EXPECT_TRUE(Becomes("stagelog_oldest_pending_gate_age_seconds", 0));
}

TEST_F(MetricsTest, AWorkerThatIsSilentIsLost) {
  const char* beat = R"({"type":"heartbeat"})";
  Append("job", R"({"type":"job_started"})");
  EXPECT_EQ(Value("stagelog_workers{liveness=\"lost\"}"), 0);
  for (int i = 0; i < 3; ++i) admin().Post("/api/v1/jobs/job/events", beat);
  EXPECT_EQ(Value("stagelog_workers{liveness=\"ok\"}"), 1);
  EXPECT_TRUE(Becomes("stagelog_workers{liveness=\"lost\"}", 1)) << Metrics();
  Append("job", R"({"type":"job_failed"})");
  EXPECT_EQ(Value("stagelog_workers{liveness=\"lost\"}"), 0);
}

TEST_F(MetricsTest, FollowersCatchUp) {
  const SseClient stream = OpenStream("/api/v1/events/stream");
  AppendLogs("job", 20);
  EXPECT_TRUE(Becomes("stagelog_follower_lag_events{follower=\"streams\"}", 0)) << Metrics();
  EXPECT_TRUE(Becomes("stagelog_follower_lag_events{follower=\"state_files\"}", 0)) << Metrics();
}

TEST_F(MetricsTest, AFollowerThatCannotWriteLagsUntilItCan) {
  const std::string lag = "stagelog_follower_lag_events{follower=\"state_files\"}";
  Append("job", R"({"type":"job_started"})");
  ASSERT_TRUE(Becomes(lag, 0)) << Metrics();
  // A folder that is not empty is in the way of the file.
  const std::string path = runs_dir() + "/job/state.json";
  ASSERT_TRUE(std::filesystem::remove(path));
  std::filesystem::create_directories(path + "/in-the-way");
  AppendLogs("job", 3);
  ASSERT_TRUE(BecomesMoreThan("stagelog_state_file_failures_total", 0)) << Metrics();
  EXPECT_EQ(Value(lag), 3);
  AppendLogs("other", 4);
  const std::string other = runs_dir() + "/other/state.json";
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(other); })) << "nobody else waits";
  EXPECT_EQ(Value(lag), 7) << "counted from the first event that a file lacks";
  EXPECT_TRUE(Becomes("stagelog_follower_lag_events{follower=\"streams\"}", 0));
  std::filesystem::remove_all(path);
  EXPECT_TRUE(Becomes(lag, 0)) << Metrics();
  EXPECT_EQ(Json::parse(ReadAll(path))["events"], 4);
}

TEST_F(MetricsTest, RequestsAreCountedAndTimedByMethodAndRoute) {
  const std::string append = "method=\"POST\",route=\"/api/v1/jobs/{job}/events\"";
  const std::string poll = "method=\"GET\",route=\"/api/v1/events\"";
  for (int i = 0; i < 3; ++i) Append("job", R"({"type":"log","message":"m"})");
  EXPECT_EQ(Value("stagelog_http_requests_total{" + append + ",status=\"201\"}"), 3);
  EXPECT_EQ(Value("stagelog_http_request_seconds_count{" + append + "}"), 3);
  EXPECT_EQ(Value("stagelog_http_request_seconds_bucket{" + append + ",le=\"+Inf\"}"), 3);
  EXPECT_GT(Value("stagelog_http_request_seconds_sum{" + append + "}"), 0);
  admin().Get("/api/v1/events?after=0");
  admin().Get("/api/v1/events?after=3&wait=1");  // waits on purpose
  EXPECT_EQ(Value("stagelog_http_requests_total{" + poll + ",status=\"200\"}"), 2);
  EXPECT_EQ(Value("stagelog_http_request_seconds_count{" + poll + "}"), 1);
  admin().Request("HEAD", "/api/v1/events", {});
  EXPECT_EQ(Value("stagelog_http_requests_total{method=\"HEAD\",route=\"/api/v1/events\","
                  "status=\"200\"}"),
            1);
}

TEST_F(MetricsTest, WhatClientsMakeUpMakesNoLabels) {
  for (const char* target : {"/a", "/b", "/api/v1/jobs/x/nothing"}) admin().Get(target);
  for (const char* method : {"BREW", "WHEN"}) admin().Request(method, "/healthz", {});
  EXPECT_EQ(Value("stagelog_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}"), 3);
  EXPECT_THAT(Metrics(), Not(HasSubstr("BREW")));
  EXPECT_THAT(Metrics(), Not(HasSubstr("/a\"")));
}

TEST_F(MetricsTest, TheProcessTellsWhatItIs) {
  const std::string text = Metrics();
  EXPECT_TRUE(
      std::regex_search(text, std::regex("\nstagelog_build_info\\{version=\"[0-9.]+\"\\} 1\n")));
  EXPECT_GT(Value("process_start_time_seconds"), 1.7e9);
  EXPECT_GT(Value("process_cpu_seconds_total"), 0);
}

}  // namespace
}  // namespace stagelog
