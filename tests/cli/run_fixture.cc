#include "tests/cli/run_fixture.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>

#include "base/check.h"
#include "tests/support/deadline.h"

namespace stagelog {

ScriptGate::ScriptGate(std::string path) : path_(std::move(path)) {
  STAGELOG_CHECK(::mkfifo(path_.c_str(), 0600) == 0);
  // Both ways, so that neither side waits for the other to open it.
  pipe_.Reset(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  STAGELOG_CHECK(pipe_.valid());
}

void ScriptGate::Open() { STAGELOG_CHECK(::write(pipe_.get(), "go\n", 3) == 3); }

void RunTest::StartDaemon() {
  CommandTest::StartDaemon(port_);
  port_ = daemon_->port();
}

void RunTest::KillDaemon() { daemon_->Kill9(); }

std::vector<Json> RunTest::Events(const std::string& job) {
  std::vector<Json> events;
  Json page;
  int64_t after = 0;
  do {
    page = GetJson("/api/v1/jobs/" + job + "/events?limit=10000&after=" + std::to_string(after));
    for (Json& event : page["events"]) events.push_back(std::move(event));
    after = page.value("next_after", int64_t{0});
  } while (page.value("has_more", false));
  return events;
}

std::vector<std::string> RunTest::Told(const std::string& job) {
  std::vector<std::string> told;
  for (const Json& event : Events(job)) {
    std::string text = event.value("type", "");
    if (event.contains("stage")) text += " " + event.value("stage", "");
    if (event.contains("message")) text += " '" + event.value("message", "") + "'";
    EXPECT_FALSE(event.contains("violations")) << event;
    told.push_back(text);
  }
  return told;
}

std::vector<std::string> RunTest::LogsOf(const std::string& job, const std::string& stage) {
  std::vector<std::string> messages;
  for (const Json& event : Events(job)) {
    const bool is_log = event.value("type", "") == "log" && event.value("stage", "") == stage;
    if (is_log) messages.push_back(event.value("message", ""));
  }
  return messages;
}

void RunTest::WaitForMessage(const std::string& job, const std::string& message) {
  SseClient stream = OpenStream("/api/v1/jobs/" + job + "/events/stream");
  while (true) {
    const auto frame = stream.NextEvent(std::chrono::seconds(30));
    ASSERT_TRUE(frame) << "no event says '" << message << "'";
    if (Json::parse(frame->data).value("message", "") == message) return;
  }
}

void RunTest::WaitForType(const std::string& job, const std::string& type) {
  SseClient stream = OpenStream("/api/v1/jobs/" + job + "/events/stream?type=" + type);
  ASSERT_TRUE(stream.NextEvent(std::chrono::seconds(30))) << "no " << type;
}

void RunTest::WaitForOutput(const CliProcess& process, const std::string& text) {
  const UniqueFd changes(::inotify_init1(IN_CLOEXEC));
  // The folder, for the file may not be there yet.
  const std::string folder = std::filesystem::path(process.out_path()).parent_path();
  ASSERT_GE(::inotify_add_watch(changes.get(), folder.c_str(), IN_MODIFY | IN_CREATE), 0);
  const Deadline deadline(std::chrono::seconds(30));
  while ((process.out() + process.err()).find(text) == std::string::npos) {
    pollfd entry{changes.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, deadline.RemainingMs()), 1) << "it never printed " << text;
    std::array<char, 4096> events;
    ASSERT_GT(::read(changes.get(), events.data(), events.size()), 0);
  }
}

void RunTest::ExpectVerified(const std::string& job) {
  const CliResultText result = cli_.Run({"verify", runs_dir() + "/" + job});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
}

std::string RunTest::SpoolOf(const std::string& job) const {
  return cli_.home() + "/.local/state/stagelog/spool/" + job;
}

bool RunTest::HasSpool(const std::string& job) const {
  return std::filesystem::exists(SpoolOf(job));
}

}  // namespace stagelog
