#include "tests/support/daemon_fixture.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "core/json_text.h"

namespace stagelog {

using ::testing::IsEmpty;

void DaemonTest::TearDown() {
  if (daemon_ == nullptr) return;
  Stop();
  EXPECT_THAT(FindDisagreements(runs_dir_), IsEmpty());
  if (HasFailure()) std::cerr << "the daemon's stderr:\n" << daemon_->StderrText();
}

DaemonOptions DaemonTest::Options(uint16_t port) const {
  return {.runs_dir = runs_dir_,
          .config_path = directory_.Path("operator.yaml"),
          .stderr_path = directory_.Path("stderr"),
          .host = "127.0.0.1",
          .port = port};
}

void DaemonTest::WriteConfig(std::string_view config) const {
  std::ofstream(directory_.Path("operator.yaml"), std::ios::trunc) << config;
}

void DaemonTest::Start(std::string_view config, uint16_t port) {
  WriteConfig(config);
  auto daemon = DaemonProcess::Spawn(Options(port));
  ASSERT_TRUE(daemon) << daemon.error().message;
  daemon_ = std::move(*daemon);
  const Status ready = daemon_->WaitUntilListening(std::chrono::seconds(30));
  ASSERT_TRUE(ready) << ready.error().message;
}

void DaemonTest::Stop() {
  if (daemon_ == nullptr) return;
  EXPECT_EQ(daemon_->Terminate(std::chrono::seconds(30)), 0) << daemon_->StderrText();
}

Json DaemonTest::Append(const std::string& job_id, const std::string& event) {
  const HttpResponse response = admin().Post("/api/v1/jobs/" + job_id + "/events", event);
  EXPECT_EQ(response.status, 201) << response.body;
  return Json::parse(response.body, nullptr, false);
}

void DaemonTest::AppendLogs(const std::string& job_id, int count) {
  std::string body;
  for (int i = 1; i <= count; ++i) {
    body += R"({"type":"log","message":")" + std::to_string(i) + "\"}\n";
  }
  const HttpResponse response =
      admin().Post("/api/v1/jobs/" + job_id + "/events", body, "application/x-ndjson");
  EXPECT_EQ(response.status, 201) << response.body;
}

Json DaemonTest::GetJson(const std::string& target) {
  const HttpResponse response = admin().Get(target);
  EXPECT_EQ(response.status, 200) << target << ": " << response.body;
  EXPECT_TRUE(response.Header("content-type").starts_with("application/json"))
      << response.Header("content-type");
  Json json = Json::parse(response.body, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << response.body;
  return json;
}

int64_t DaemonTest::HeadSeq() {
  return GetJson("/api/v1/events?limit=1").value("head_seq", int64_t{-1});
}

SseClient DaemonTest::OpenStream(const std::string& target, const HttpHeaders& more) {
  auto stream = SseClient::Open(daemon_->port(), target, kAdminToken, more);
  if (!stream) throw std::runtime_error("no stream: " + stream.error().message);
  EXPECT_EQ(stream->head().status, 200) << stream->head().body;
  return std::move(*stream);
}

std::vector<std::string> DaemonTest::Lines(const std::string& job_id) {
  auto lines = ReadJobLines(runs_dir_, job_id);
  EXPECT_TRUE(lines) << lines.error().message;
  return lines ? std::move(*lines) : std::vector<std::string>();
}

int64_t SeqOf(const Json& object) { return object.value("seq", int64_t{-1}); }

std::vector<std::string> EventBodies(const std::string& poll_answer) {
  std::vector<std::string> bodies;
  for (JsonMembers members(poll_answer); members.Next();) {
    if (members.key() != "events") continue;
    const std::string_view array = members.value();
    for (size_t at = 1; at + 1 < array.size();) {
      const size_t end = JsonValueEnd(array, at);
      bodies.emplace_back(array.substr(at, end - at));
      at = end + 1;
    }
  }
  return bodies;
}

void ExpectProblem(const HttpResponse& response, int status, const std::string& code) {
  EXPECT_EQ(response.status, status) << response.body;
  EXPECT_EQ(response.Header("content-type"), "application/problem+json");
  const Json problem = Json::parse(response.body, nullptr, false);
  ASSERT_TRUE(problem.is_object()) << response.body;
  EXPECT_EQ(problem.value("code", ""), code) << response.body;
  EXPECT_EQ(problem.value("status", 0), status) << response.body;
  EXPECT_NE(problem.value("detail", ""), "") << response.body;
}

}  // namespace stagelog
