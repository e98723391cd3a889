// What every test with a daemon stands on: a runs folder of its own, a real daemon on it, and
// clients with tokens of each role. When a test ends the daemon must end with 0 and leave a journal
// in which SQLite and the files agree.
#ifndef STAGELOG_TESTS_SUPPORT_DAEMON_FIXTURE_H_
#define STAGELOG_TESTS_SUPPORT_DAEMON_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/daemon_process.h"
#include "tests/support/http_client.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/sse_client.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {

using Json = nlohmann::json;

inline constexpr std::string_view kReaderToken = "token-of-the-reader";
inline constexpr std::string_view kWriterToken = "token-of-the-writer";
inline constexpr std::string_view kApproverToken = "token-of-the-approver";

// The job that most tests append to, and the smallest event that it takes.
inline constexpr const char* kEvents = "/api/v1/jobs/job/events";
inline constexpr const char* kJobStream = "/api/v1/jobs/job/events/stream";
inline constexpr const char* kLogEvent = R"({"type":"log","message":"m"})";
inline constexpr const char* kNdjson = "application/x-ndjson";

// Tokens of every role (named admin, watcher, gpu-3, alice), an allowed origin, a host with a dot.
inline constexpr std::string_view kTestConfig = R"(
server:
  hosts: [journal.example.org]
  allowed_origins: ["http://localhost:5173"]
auth:
  tokens:
    - {name: admin, token: default-admin-token-change-me, roles: [admin]}
    - {name: watcher, token: token-of-the-reader, roles: [reader]}
    - {name: gpu-3, token: token-of-the-writer, roles: [writer]}
    - {name: alice, token: token-of-the-approver, roles: [approver]}
)";

class DaemonTest : public ::testing::Test {
 protected:
  void TearDown() override;

  // Starts the daemon and waits until it listens; fails the test when it does not.
  void Start(std::string_view config = kTestConfig, uint16_t port = 0);

  // SIGTERM; fails the test unless the daemon exits with 0. Nothing happens when none runs.
  void Stop();

  // What Start() would run, for tests that start a daemon by themselves.
  DaemonOptions Options(uint16_t port = 0) const;
  void WriteConfig(std::string_view config) const;

  HttpClient As(std::string_view token) const {
    return HttpClient(daemon_->port(), std::string(token));
  }
  HttpClient admin() const { return As(kAdminToken); }

  // POST of one event to a job as admin; fails the test unless it is 201. Returns the answer.
  Json Append(const std::string& job_id, const std::string& event);
  // The same `count` times with a `log`, messages "1", "2", ...
  void AppendLogs(const std::string& job_id, int count);

  // GET as admin; fails the test unless it is 200 with a JSON body.
  Json GetJson(const std::string& target);
  int64_t HeadSeq();

  // Opens a stream as admin; the test ends when there is none or it is not 200.
  SseClient OpenStream(const std::string& target, const HttpHeaders& more = {});

  const std::string& runs_dir() const { return runs_dir_; }
  std::vector<std::string> Lines(const std::string& job_id);

  TemporaryDirectory directory_;
  std::string runs_dir_ = directory_.Path("runs");
  std::unique_ptr<DaemonProcess> daemon_;
};

// The cursor that an event's or an answer's JSON carries.
int64_t SeqOf(const Json& object);

// The bodies of the events of a poll's answer, cut out of it byte by byte.
std::vector<std::string> EventBodies(const std::string& poll_answer);

// A failure unless `response` is a problem document of that status and code.
void ExpectProblem(const HttpResponse& response, int status, const std::string& code);

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_DAEMON_FIXTURE_H_
