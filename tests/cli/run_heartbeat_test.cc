// The heartbeats of a stagelog run, as a daemon gets them.
#include <gmock/gmock.h>
#include <httplib.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "app/daemon.h"
#include "base/logging.h"
#include "tests/cli/run_fixture.h"
#include "tests/support/advanced_clock.h"
#include "tests/support/deadline.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

// Takes everything and keeps it.
class RecordingServer {
 public:
  RecordingServer() {
    server_.Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      {
        const std::lock_guard lock(mutex_);
        bodies_.push_back(request.body);
        changed_.notify_all();
      }
      response.status = 201;
      response.set_content(R"({"durable":"disk","job_status":"running"})", "application/json");
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~RecordingServer() {
    server_.stop();
    thread_.join();
  }

  int port() const { return port_; }

  // The first body that holds `text`; empty when none has come in half a minute.
  std::string WaitFor(const std::string& text) {
    std::unique_lock lock(mutex_);
    std::string found;
    changed_.wait_for(lock, std::chrono::seconds(30), [&] {
      for (const std::string& body : bodies_) {
        if (body.find(text) != std::string::npos) found = body;
      }
      return !found.empty();
    });
    return found;
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> bodies_;
};

class RunHeartbeatTest : public RunTest {};

TEST_F(RunHeartbeatTest, TheFirstOneComesAtTheStartAndDeclaresTheInterval) {
  RecordingServer server;
  cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:" + std::to_string(server.port()));
  // The command is over at once: a heartbeat that came after an interval would never come.
  EXPECT_EQ(cli_.Run({"run", "--job", "j", "--", "true"}).exit_code, 0);
  const std::string body = server.WaitFor("heartbeat");
  EXPECT_EQ(Json::parse(body),
            Json({{"type", "heartbeat"}, {"payload", {{"interval_seconds", 5}}}}));
}

TEST_F(RunHeartbeatTest, TheDaemonTakesItAndRefusesOneThatMakesNoSense) {
  StartDaemon();
  Append("j", R"({"type":"job_created"})");
  const auto post = [&](const std::string& payload) {
    return admin()
        .Post("/api/v1/jobs/j/events", R"({"type":"heartbeat","payload":)" + payload + "}")
        .status;
  };
  EXPECT_EQ(post(R"({"interval_seconds":5})"), 202);
  EXPECT_EQ(post(R"({"interval_seconds":0})"), 422);
  EXPECT_EQ(post(R"({"interval":5})"), 422);
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["liveness"], "ok");
}

// A daemon in this process, whose clock can be put forward: nobody waits for a worker's silence.
class LostRunTest : public RunTest {
 protected:
  void SetUp() override {
    SetLogLevel(LogLevel::kOff);
    Config config;
    config.server.port = 0;
    config.storage.runs_dir = runs_dir();
    auto served = Daemon::Start(config, RealFileSystem(), clock_);
    ASSERT_TRUE(served) << served.error().message;
    served_ = std::move(*served);
    const std::string& url = served_->url();
    client_ = HttpClient(static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
    cli_.SetEnvironment("STAGELOG_URL", url);
  }

  std::string LivenessNow() {
    return Json::parse(client_.Get("/api/v1/jobs/j").body).value("liveness", "");
  }

  // Returns when a heartbeat was answered (nothing else is with 202), which may be before the job's
  // first events are, and these are stored. Nothing tells of it, so the metrics are asked.
  void WaitForHeartbeat() {
    const std::string counted =
        R"(stagelog_http_requests_total{method="POST",route="/api/v1/jobs/{job}/events",)"
        R"(status="202"} 1)";
    const Deadline deadline(std::chrono::seconds(30));
    while (client_.Get("/metrics").body.find(counted) == std::string::npos ||
           client_.Get("/api/v1/jobs/j").status != 200) {
      ASSERT_FALSE(deadline.Passed()) << "no heartbeat";
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  AdvancedClock clock_;
  std::unique_ptr<Daemon> served_;
  HttpClient client_;
};

TEST_F(LostRunTest, ARunThatIsKilledAtItsBeginningIsLostAfterThreeOfItsIntervals) {
  ScriptGate gate(cli_.Path("gate"));
  auto run = cli_.Start({"run", "--job", "j", "--", "sh", "-c", gate.Shell()});
  WaitForHeartbeat();
  run->Signal(SIGKILL);
  EXPECT_EQ(run->Wait().exit_code, 128 + SIGKILL);
  EXPECT_EQ(LivenessNow(), "ok");
  clock_.Advance(10 * kSecond);
  EXPECT_EQ(LivenessNow(), "late");
  clock_.Advance(8 * kSecond);  // three intervals of 5 s, and half of one of grace
  EXPECT_EQ(LivenessNow(), "lost");
  EXPECT_THAT(cli_.Run({"jobs"}).out, ::testing::HasSubstr("worker lost"));
  EXPECT_THAT(cli_.Run({"show", "j"}).out, ::testing::HasSubstr("worker lost"));
  EXPECT_THAT(client_.Get("/metrics").body,
              ::testing::HasSubstr("stagelog_workers{liveness=\"lost\"} 1\n"));
  gate.Open();  // what the run has left behind ends
  const CliResultText again = cli_.Run({"run", "--job", "j", "--", "true"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(Json::parse(client_.Get("/api/v1/jobs/j").body)["status"], "completed");
  EXPECT_EQ(LivenessNow(), "") << "a job that is over has no worker";
}

}  // namespace
}  // namespace stagelog
