// The heartbeats of a stagelog run, as a daemon gets them.
#include <gmock/gmock.h>
#include <httplib.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/cli/run_fixture.h"

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
      response.set_content(R"({"job_status":"running"})", "application/json");
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

}  // namespace
}  // namespace stagelog
