// stagelog run while the daemon is away, dies, refuses or cannot be believed, and the spool that
// keeps what it could not send.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/run_fixture.h"
#include "tests/support/webhook_target.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class RunAwayTest : public RunTest {
 protected:
  // Points the commands at a daemon that will be there later.
  void ChoosePort() {
    StartDaemon();
    Stop();
  }

  CliResultText Flush(std::vector<std::string> jobs = {}) {
    jobs.insert(jobs.begin(), {"spool", "flush"});
    return cli_.Run(jobs);
  }

  std::unique_ptr<CliProcess> StartScript(const std::string& script) {
    return cli_.Start({"run", "--job", "j", "--", "sh", "-c", script});
  }

  void WriteSpool(const std::string& job, const std::string& lines) {
    std::filesystem::create_directories(SpoolOf(job));
    std::ofstream(SpoolOf(job) + "/events.ndjson", std::ios::binary) << lines;
  }

  // Folders 0700 and files 0600: `folder` and all that is in it.
  static void ExpectPrivate(const std::string& folder) {
    EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms(0700));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      EXPECT_EQ(entry.status().permissions(),
                std::filesystem::perms(entry.is_directory() ? 0700 : 0600))
          << entry.path();
    }
  }

  static std::string Cli() {
    const char* path = std::getenv("STAGELOG_CLI");
    return path != nullptr ? path : STAGELOG_CLI_PATH;
  }
};

TEST_F(RunAwayTest, EverythingWaitsInTheSpoolAndAFlushSendsItOnce) {
  ChoosePort();
  const CliResultText result =
      StartScript("echo a; " + Cli() + " run --stage s -- echo b; echo c; exit 5")->Wait();
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_EQ(result.out, "a\nb\nc\n");
  EXPECT_THAT(result.err, HasSubstr("8 events of job j are waiting in the spool; send them with "
                                    "'stagelog spool flush'"));
  const CliResultText list = cli_.Run({"spool", "list"});
  EXPECT_THAT(list.out, AllOf(HasSubstr("j "), HasSubstr("events"), HasSubstr("since 20")));
  const Json json = Json::parse(cli_.Run({"spool", "list", "--json"}).out);
  EXPECT_EQ(json["job_id"], "j");
  EXPECT_GE(json["events"], 8);
  const CliResultText away = Flush();
  EXPECT_EQ(away.exit_code, 5);
  EXPECT_THAT(away.err, HasSubstr("are still waiting: no daemon at"));
  StartDaemon();
  const CliResultText flushed = Flush();
  EXPECT_EQ(flushed.exit_code, 0) << flushed.err;
  EXPECT_THAT(flushed.out, HasSubstr("events sent"));
  const std::vector<std::string> told = Told("j");
  EXPECT_THAT(told, AllOf(Contains("log 'a'"), Contains("log s 'b'"), Contains("log 'c'")));
  EXPECT_EQ(told.front(), "job_created");
  EXPECT_EQ(told.back(), "job_failed 'exit code 5'");
  EXPECT_FALSE(HasSpool("j"));
  EXPECT_EQ(Flush().exit_code, 0);
  EXPECT_THAT(cli_.Run({"spool", "list"}).out, HasSubstr("the spool is empty"));
  ExpectVerified("j");
}

TEST_F(RunAwayTest, AScriptWithAGateWhoseDaemonIsKilledAndRestartedIsCompleteAndInOrder) {
  StartDaemon();
  ScriptGate gate(cli_.Path("gate"));
  ScriptGate second(cli_.Path("second"));
  const auto run = StartScript(
      "echo ::stage fetch; for i in 1 2 3; do echo fetch $i; done\n" + Cli() +
      " run --stage build -- sh -c 'echo built'\n" + "echo ::stage; echo at the gate\n" +
      gate.Shell() + "for i in $(seq 500); do echo blind $i; done; echo all blind\n" +
      second.Shell() + Cli() + " run --stage ship -- sh -c 'echo shipped'; echo over");
  WaitForMessage("j", "at the gate");
  Append("j", R"({"type":"gate_pause","gate":"publish"})");
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["status"], "paused");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/gates/publish/approve", "{}").status, 201);
  KillDaemon();
  gate.Open();
  WaitForOutput(*run, "all blind");
  StartDaemon();
  second.Open();
  const CliResultText result = run->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  std::vector<std::string> expected = {
      "job_created",           "job_started",         "stage_started fetch",
      "log fetch 'fetch 1'",   "log fetch 'fetch 2'", "log fetch 'fetch 3'",
      "stage_started build",   "log build 'built'",   "stage_completed build",
      "stage_completed fetch", "log 'at the gate'",   "gate_pause",
      "gate_approved"};
  for (int i = 1; i <= 500; ++i) expected.push_back("log 'blind " + std::to_string(i) + "'");
  expected.insert(expected.end(), {"log 'all blind'", "stage_started ship", "log ship 'shipped'",
                                   "stage_completed ship", "log 'over'", "job_completed"});
  EXPECT_EQ(Told("j"), expected);
  ExpectVerified("j");
  EXPECT_FALSE(HasSpool("j"));
}

TEST_F(RunAwayTest, KillingTheRunLosesNothingThatItHasRead) {
  ChoosePort();
  ScriptGate gate(cli_.Path("gate"));
  const auto run = StartScript("for i in $(seq 1000); do echo line $i; done\n" + gate.Shell());
  WaitForOutput(*run, "line 1000\n");
  run->Signal(SIGKILL);
  EXPECT_EQ(run->Wait().exit_code, 137);
  gate.Open();
  // As a crash in the middle of a write would leave it.
  std::ofstream(SpoolOf("j") + "/events.ndjson", std::ios::app) << R"({"type":"log","mess)";
  StartDaemon();
  EXPECT_EQ(Flush({"j"}).exit_code, 0);
  EXPECT_THAT(Events("j"), SizeIs(1002));
  const std::vector<std::string> logs = LogsOf("j");
  for (size_t i = 0; i < logs.size(); ++i) EXPECT_EQ(logs[i], "line " + std::to_string(i + 1));
  EXPECT_FALSE(HasSpool("j"));
}

TEST_F(RunAwayTest, WhatWasSentButNotMarkedIsNotThereTwice) {
  StartDaemon();
  const std::string line = R"({"job_id":"j","event_id":"e1","type":"log","message":"once"})"
                           "\n";
  WriteSpool("j", line);
  EXPECT_EQ(Flush().exit_code, 0);
  WriteSpool("j", line + R"({"job_id":"j","event_id":"e2","type":"log","message":"more"})" + "\n");
  EXPECT_EQ(Flush().exit_code, 0);
  EXPECT_THAT(LogsOf("j"), ElementsAre("once", "more"));
}

TEST_F(RunAwayTest, EventsThatTheDaemonRefusesDoNotHoldUpTheOthers) {
  StartDaemon();
  std::string lines;
  for (int i = 0; i < 20; ++i) {
    if (i % 7 == 3) lines += R"({"type":"nonsense"})" + std::string("\n");
    if (i == 11) lines += "no json at all \xff\n";
    lines += R"({"type":"log","message":")" + std::to_string(i) + "\"}\n";
  }
  WriteSpool("j", lines);
  const CliResultText result = Flush();
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, AllOf(HasSubstr("the daemon refused an event of job j"),
                                HasSubstr("unknown_type"), HasSubstr("refused.ndjson")));
  EXPECT_THAT(LogsOf("j"), SizeIs(20));
  const std::vector<std::string> refused = SplitLines(ReadAll(SpoolOf("j") + "/refused.ndjson"));
  ASSERT_THAT(refused, SizeIs(4));
  EXPECT_EQ(Json::parse(refused[0])["reason"]["code"], "unknown_type");
  EXPECT_EQ(Json::parse(refused[0])["event"]["type"], "nonsense");
  EXPECT_EQ(Json::parse(refused[2])["reason"]["code"], "malformed_json");
  EXPECT_FALSE(std::filesystem::exists(SpoolOf("j") + "/events.ndjson"));
  EXPECT_EQ(Flush().exit_code, 0);
  EXPECT_THAT(cli_.Run({"spool", "list"}).out, HasSubstr("4 refused"));
}

// Whatever the mask of the shell: what a command prints is its owner's business.
TEST_F(RunAwayTest, WhatWaitsIsForItsOwnerAlone) {
  ChoosePort();
  const std::string lines = cli_.Path("lines");
  std::ofstream(lines) << "one\n";
  for (const std::string mask : {"000", "022", "027"}) {
    SCOPED_TRACE(mask);
    const std::string state = cli_.Path("state-" + mask);
    cli_.SetEnvironment("XDG_STATE_HOME", state);
    cli_.SetWrapper({"sh", "-c", "umask " + mask + "; exec \"$@\"", "sh"});
    EXPECT_EQ(StartScript("echo hello")->Wait().exit_code, 0);
    const std::string spool = state + "/stagelog/spool/j";
    EXPECT_TRUE(std::filesystem::exists(spool + "/events.ndjson"));
    ExpectPrivate(state);
    // What comes to it later: a refused event, and the memory of imports.
    std::ofstream(spool + "/events.ndjson", std::ios::app)
        << R"({"job_id":"j","type":"nonsense","event_id":"n"})"
        << "\n";
    StartDaemon();
    EXPECT_EQ(Flush().exit_code, 6);
    EXPECT_TRUE(std::filesystem::exists(spool + "/refused.ndjson"));
    EXPECT_EQ(cli_.Run({"import", lines, "--job", "k-" + mask}).exit_code, 0);
    EXPECT_FALSE(std::filesystem::is_empty(state + "/stagelog/imports"));
    ExpectPrivate(state);
    Stop();
  }
}

TEST_F(RunAwayTest, ARunOfAStrictJobThatWasCreatedBeforeIsLegal) {
  StartDaemon();
  EXPECT_EQ(admin().Post("/api/v1/jobs", R"({"job_id":"j","strict":true})").status, 201);
  const CliResultText result = StartScript("echo hello")->Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(Told("j"), ElementsAre("job_created", "job_started", "log 'hello'", "job_completed"));
}

TEST_F(RunAwayTest, AWrongTokenIsSaidOnceAndNothingIsLost) {
  StartDaemon();
  cli_.SetEnvironment("STAGELOG_TOKEN", "wrong");
  const CliResultText result = StartScript("echo hello; exit 2")->Wait();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("401"), HasSubstr("STAGELOG_TOKEN"),
                                HasSubstr("4 events of job j are waiting")));
  cli_.SetEnvironment("STAGELOG_TOKEN", std::string(kWriterToken));
  EXPECT_EQ(Flush().exit_code, 0);
  EXPECT_THAT(Told("j"),
              ElementsAre("job_created", "job_started", "log 'hello'", "job_failed 'exit code 2'"));
}

TEST_F(RunAwayTest, WithoutASpoolEventsAreSentDirectly) {
  StartDaemon();
  std::ofstream(cli_.Path("a-file")) << "x";
  cli_.SetEnvironment("XDG_STATE_HOME", cli_.Path("a-file"));
  const CliResultText result =
      StartScript("for i in $(seq 2000); do echo $i; done; exit 1")->Wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("cannot write events to the spool"), Not(HasSubstr("lost"))));
  EXPECT_THAT(LogsOf("j"), SizeIs(2000));
  EXPECT_EQ(Events("j").back()["type"], "job_failed");
}

TEST_F(RunAwayTest, WhatTheSpoolDoesNotTakeIsInAFileThatEmitSends) {
  ChoosePort();
  cli_.SetEnvironment("XDG_STATE_HOME", "/dev/null");
  std::filesystem::create_directory(cli_.Path("tmp"));
  cli_.SetEnvironment("TMPDIR", cli_.Path("tmp"));
  const CliResultText result = StartScript("echo a; exit 3")->Wait();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("4 events of job j are in " + cli_.Path("tmp")));
  const std::filesystem::directory_iterator file(cli_.Path("tmp"));
  StartDaemon();
  const CliResultText sent = cli_.Run({"emit", "j"}, ReadAll(file->path().string()));
  EXPECT_EQ(sent.out, "4 events accepted, 0 already stored\n") << sent.err;
  EXPECT_EQ(Events("j").back()["type"], "job_failed");
}

TEST_F(RunAwayTest, WhatCanBeNeitherSentNorSpooledIsCounted) {
  ChoosePort();
  cli_.SetEnvironment("XDG_STATE_HOME", "/dev/null");
  cli_.SetEnvironment("TMPDIR", "/dev/null");
  const CliResultText result = StartScript("echo a; exit 3")->Wait();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "a\n");
  EXPECT_THAT(result.err, HasSubstr("4 events of job j are lost: they could not be sent or "
                                    "spooled"));
}

// Takes connections and says nothing.
class DeafServer {
 public:
  DeafServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), generic, size), 0);
    EXPECT_EQ(::listen(socket_.get(), 64), 0);
    EXPECT_EQ(::getsockname(socket_.get(), generic, &size), 0);
    port_ = ntohs(address.sin_port);
  }
  uint16_t port() const { return port_; }

 private:
  UniqueFd socket_;
  uint16_t port_ = 0;
};

TEST_F(RunAwayTest, ADaemonThatNeverAnswersIsGivenUp) {
  const DeafServer deaf;
  cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:" + std::to_string(deaf.port()));
  const CliResultText result = StartScript("echo a")->Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "a\n");
  EXPECT_THAT(result.err, HasSubstr("4 events of job j are waiting in the spool"));
}

TEST_F(RunAwayTest, AnotherServers200TakesNoEvent) {
  WebhookTarget other;
  other.SetAnswer([](const httplib::Request&, httplib::Response& response) {
    response.set_content("{\"status\":\"ok\"}", "application/json");
  });
  cli_.SetEnvironment("STAGELOG_URL", other.Url(""));
  const CliResultText result = StartScript("echo a")->Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("4 events of job j are waiting in the spool"));
}

TEST_F(RunAwayTest, SpoolCommandsThatMakeNoSense) {
  EXPECT_EQ(cli_.Run({"spool"}).exit_code, 0) << "it shows its commands";
  EXPECT_EQ(cli_.Run({"spool", "flush", "../x"}).exit_code, 2);
  EXPECT_EQ(cli_.Run({"spool", "flush", "nobody"}).exit_code, 0);
}

}  // namespace
}  // namespace stagelog
