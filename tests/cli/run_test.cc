// stagelog run with a daemon that answers: the events of a command, its exit code, its stages.
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>

#include "tests/cli/run_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/requirement.h"
#include "tests/support/sanitizer.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr int kNoFilters = 99;

// From here on pidfd_open(2) fails in this process and in all that it starts. Ends the process
// where the kernel takes no filter.
void RefusePidfds() {
  std::array<sock_filter, 4> filter = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
  const bool is_set = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  if (!is_set) ::_exit(kNoFilters);
}

class RunCommandTest : public RunTest {
 protected:
  void SetUp() override { StartDaemon(); }

  // A shell script under `stagelog run --job j`.
  CliResultText Script(const std::string& script, std::vector<std::string> flags = {}) {
    return StartScript(script, std::move(flags))->Wait();
  }

  std::unique_ptr<CliProcess> StartScript(const std::string& script,
                                          std::vector<std::string> flags = {}) {
    std::vector<std::string> words = {"run", "--job", "j"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.insert(words.end(), {"--", "sh", "-c", script});
    return cli_.Start(words);
  }

  std::string Cli() const {
    const char* path = std::getenv("STAGELOG_CLI");
    return path != nullptr ? path : STAGELOG_CLI_PATH;
  }

  static std::vector<std::string> Only(const std::vector<std::string>& told,
                                       const std::string& prefix) {
    std::vector<std::string> only;
    for (const std::string& text : told) {
      if (text.starts_with(prefix)) only.push_back(text);
    }
    return only;
  }
};

TEST_F(RunCommandTest, TheEventsOfACommandAreCompleteAndInOrderAndItsOutputIsUnchanged) {
  const CliResultText result =
      Script("echo one; echo; printf '\\033[31mred\\033[0m\\nlast'", {"--pipeline", "p"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "one\n\n\033[31mred\033[0m\nlast");
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(Told("j"), ElementsAre("job_created", "job_started", "log 'one'", "log ' '",
                                     "log '\033[31mred\033[0m'", "log 'last'", "job_completed"));
  const Json created = Events("j").front()["payload"];
  EXPECT_EQ(created["pipeline"], "p");
  EXPECT_EQ(created["command"][0], "sh");
  EXPECT_TRUE(created.contains("host") && created.contains("folder") && created.contains("pid"));
  EXPECT_EQ(Events("j").back()["payload"]["exit_code"], 0);
  EXPECT_EQ(Events("j")[2]["payload"], Json({{"stream", "stdout"}}));
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["status"], "completed");
  ExpectVerified("j");
  EXPECT_FALSE(HasSpool("j"));
}

TEST_F(RunCommandTest, StandardErrorIsAStreamOfItsOwn) {
  const CliResultText result = Script("echo out; echo err >&2; echo ::stage no >&2");
  EXPECT_EQ(result.out, "out\n");
  EXPECT_THAT(result.err, HasSubstr("err\n"));
  EXPECT_THAT(result.err, HasSubstr("\n::stage no\n"));
  EXPECT_THAT(result.err,
              HasSubstr("'::stage no': markers are only recognized on standard output\n"));
  for (const Json& event : Events("j")) {
    if (event["type"] != "log") continue;
    EXPECT_EQ(event["payload"]["stream"], event["message"] == "out" ? "stdout" : "stderr");
  }
  EXPECT_THAT(LogsOf("j"), SizeIs(3));
}

TEST_F(RunCommandTest, TheExitCodeIsTheCommands) {
  EXPECT_EQ(Script("exit 3").exit_code, 3);
  EXPECT_THAT(Told("j"), Contains("job_failed 'exit code 3'"));
  const CliResultText killed = cli_.Run({"run", "--job", "k", "--", "sh", "-c", "kill -9 $$"});
  EXPECT_EQ(killed.exit_code, 137);
  EXPECT_THAT(Told("k"), Contains("job_failed 'ended by SIGKILL'"));
}

TEST_F(RunCommandTest, ACommandThatCannotBeStarted) {
  const CliResultText missing = cli_.Run({"run", "--job", "m", "--", "/no/such/command"});
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_EQ(missing.err, "stagelog: cannot start '/no/such/command': No such file or directory\n");
  EXPECT_THAT(Told("m"), ElementsAre("job_created", "job_started",
                                     "job_failed 'cannot start '/no/such/command': No such file or "
                                     "directory'"));
  const CliResultText folder = cli_.Run({"run", "--job", "f", "--stage", "s", "--", "/etc"});
  EXPECT_EQ(folder.exit_code, 126);
  EXPECT_THAT(folder.err, HasSubstr("Permission denied"));
  EXPECT_EQ(Events("f").back()["type"], "stage_failed");
}

TEST_F(RunCommandTest, ANameIsMadeAndTold) {
  const CliResultText result = cli_.Run({"run", "--", "true"});
  EXPECT_THAT(result.err, HasSubstr("stagelog: job true-"));
  EXPECT_THAT(ListJobFolders(runs_dir()), SizeIs(1));
}

TEST_F(RunCommandTest, BadUsage) {
  const auto expect = [&](std::vector<std::string> words, const std::string& says) {
    words.insert(words.begin(), "run");
    const CliResultText result = cli_.Run(words);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr(says));
  };
  expect({}, "command is required");
  expect({"--stage", "s", "--", "true"}, "no job; give --job");
  expect({"--job", "a/b", "--", "true"}, "not a valid job id");
}

TEST_F(RunCommandTest, MarkersAreEventsAndStillPrinted) {
  const std::string printed = "::stage a\n::progress 1/2 files\nx\n::stage b\n::progress oops\n";
  const CliResultText result = Script("printf '" + printed + "'; exit 1");
  EXPECT_EQ(result.out, printed);
  EXPECT_THAT(Told("j"), ElementsAre("job_created", "job_started", "stage_started a",
                                     "stage_progress a", "log a 'x'", "stage_completed a",
                                     "stage_started b", "log b '::progress oops'",
                                     "stage_failed b 'exit code 1'", "job_failed 'exit code 1'"));
  EXPECT_EQ(GetJson("/api/v1/jobs/j/stages/a")["progress"]["unit"], "files");
  ExpectVerified("j");
}

TEST_F(RunCommandTest, RunsInsideAScriptAreStagesAndNothingIsJournaledTwice) {
  const CliResultText result = Script(
      "echo begin\n" + Cli() + " run --stage fetch -- sh -c 'echo got; echo ::progress 50%'\n" +
      Cli() + " run --stage deep -- " + Cli() +
      " run --stage er -- sh -c 'echo in; echo err >&2; exit 4'\n" + "echo code $?\n" + Cli() +
      " run -- true\n" + Cli() + " run --stage piped -- echo through | tr a-z A-Z");
  EXPECT_EQ(result.out, "begin\ngot\n::progress 50%\nin\ncode 4\nTHROUGH\n");
  EXPECT_EQ(result.err, "err\n");
  std::vector<std::string> told = Told("j");
  std::erase(told, "log deep/er 'err'");  // the order between two streams is open
  EXPECT_THAT(told,
              ElementsAre("job_created", "job_started", "log 'begin'", "stage_started fetch",
                          "log fetch 'got'", "stage_progress fetch", "stage_completed fetch",
                          "stage_started deep", "stage_started deep/er", "log deep/er 'in'",
                          "stage_failed deep/er 'exit code 4'", "stage_failed deep 'exit code 4'",
                          "log 'code 4'", "stage_started true", "stage_completed true",
                          "stage_started piped", "log piped 'through'", "stage_completed piped",
                          "log 'THROUGH'", "job_completed"));
  ExpectVerified("j");
  EXPECT_FALSE(HasSpool("j"));
}

TEST_F(RunCommandTest, TheCommandFindsItsJobAndTheDaemonInItsEnvironment) {
  const std::string url = "http://127.0.0.1:" + std::to_string(port_);
  cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:1");
  const CliResultText result =
      Script("echo $STAGELOG_JOB+$STAGELOG_STAGE+$STAGELOG_URL+$STAGELOG_TOKEN",
             {"--stage", "s", "--url", url, "--token", std::string(kWriterToken)});
  EXPECT_EQ(result.out, "j+s+" + url + "+" + std::string(kWriterToken) + "\n");
  EXPECT_EQ(Events("j").back()["actor"], "gpu-3");
}

TEST_F(RunCommandTest, SiblingsOfOneJobShareItsSpoolAndTheLastOneLeavesNothing) {
  constexpr int kSiblings = 6;
  constexpr int kLines = 200;
  cli_.SetEnvironment("STAGELOG_JOB", "j");
  std::vector<std::unique_ptr<CliProcess>> siblings;
  for (int i = 0; i < kSiblings; ++i) {
    siblings.push_back(
        cli_.Start({"run", "--stage", "s" + std::to_string(i), "--", "sh", "-c",
                    "for i in $(seq " + std::to_string(kLines) + "); do echo $i; done"}));
  }
  for (const auto& sibling : siblings) {
    const CliResultText result = sibling->Wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.err, "");
  }
  EXPECT_FALSE(HasSpool("j"));
  EXPECT_THAT(Events("j"), SizeIs(kSiblings * (kLines + 2)));
  for (int i = 0; i < kSiblings; ++i) {
    const std::vector<std::string> logs = LogsOf("j", "s" + std::to_string(i));
    ASSERT_THAT(logs, SizeIs(kLines));
    for (int line = 0; line < kLines; ++line) {
      ASSERT_EQ(logs[static_cast<size_t>(line)], std::to_string(line + 1));
    }
  }
  ExpectVerified("j");
}

TEST_F(RunCommandTest, TenMegabytesInOneLine) {
  const CliResultText result = Script("head -c 10000000 /dev/zero | tr '\\0' x; echo; echo after");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_TRUE(result.out == std::string(10'000'000, 'x') + "\nafter\n");
  std::string whole;
  int part = 0;
  for (const Json& event : Events("j")) {
    if (event["type"] != "log" || event["message"] == "after") continue;
    whole += event["message"].get<std::string>();
    EXPECT_EQ(event["payload"]["part"], ++part);
    EXPECT_EQ(event["payload"]["continues"], whole.size() < 10'000'000);
  }
  EXPECT_TRUE(whole == std::string(10'000'000, 'x'));
  EXPECT_THAT(LogsOf("j"), Contains("after"));
  ExpectVerified("j");
}

std::string FromBase64(const std::string& text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t digit =
        std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
            .find(c);
    if (digit == std::string_view::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  return bytes;
}

TEST_F(RunCommandTest, BinaryOutputComesThroughAndBackOutOfTheJournal) {
  const CliResultText result =
      Script("head -c 400000 /dev/urandom | tr -d '\\r' | head -c 300000; printf '\\0\\0'");
  EXPECT_THAT(result.out, SizeIs(300'002));
  std::string whole;
  for (const Json& event : Events("j")) {
    if (event["type"] != "log") continue;
    const Json& payload = event["payload"];
    if (payload.contains("raw_base64")) {
      whole += FromBase64(payload["raw_base64"].get<std::string>());
    } else if (!payload.contains("blank")) {
      whole += event["message"].get<std::string>();
    }
    if (!payload.value("continues", false)) whole += '\n';
  }
  whole.pop_back();  // the last line has no newline
  EXPECT_TRUE(whole == result.out);
  ExpectVerified("j");
}

TEST_F(RunCommandTest, ASignalIsPassedOnAndJournaled) {
  const auto run = StartScript(
      "trap 'echo stopping; exit 9' TERM\n"
      "echo ::stage s; echo ready; while :; do read x; done");
  WaitForMessage("j", "ready");
  run->Signal(SIGTERM);
  EXPECT_EQ(run->Wait().exit_code, 9);
  EXPECT_THAT(Told("j"),
              ElementsAre("job_created", "job_started", "stage_started s", "log s 'ready'",
                          "log s 'stopping'", "stage_failed s 'canceled by SIGTERM'",
                          "job_canceled 'canceled by SIGTERM'"));
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["status"], "canceled");
}

TEST_F(RunCommandTest, ACancelFromOutsideEndsAQuietCommandAndAllItHasStarted) {
  const auto run = StartScript("sh -c 'echo ready; sleep 1000' & sleep 1000; echo never");
  WaitForMessage("j", "ready");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  const CliResultText result = run->Wait();
  EXPECT_EQ(result.exit_code, 143);
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("job j is canceled"), Not(HasSubstr("still has its output"))));
  EXPECT_EQ(Told("j").back(), "job_canceled");
}

TEST_F(RunCommandTest, ACancelFromOutsideReachesWhatIsStartedMeanwhile) {
  const auto run = StartScript(
      "trap 'sleep 1000 & exit 0' TERM\n"
      "echo ready; while :; do read x; done");
  WaitForMessage("j", "ready");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  const CliResultText result = run->Wait();
  EXPECT_THAT(result.err, AllOf(HasSubstr("job j is canceled"), Not(HasSubstr("SIGKILL")),
                                Not(HasSubstr("still has its output"))));
}

// The command goes at once, what it has started does not hear and does not hold its output.
TEST_F(RunCommandTest, ACancelFromOutsideKillsWhatIsDeafThoughTheCommandHasEnded) {
  const std::string pid_file = runs_dir() + "/../pid";
  const auto run = StartScript("sh -c 'trap \"\" TERM; echo $$ > " + pid_file +
                               "; while :; do sleep 1; done' >/dev/null 2>&1 &\n"
                               "until [ -s " +
                               pid_file +
                               " ]; do sleep 0.01; done\n"
                               "echo ready; wait");
  WaitForMessage("j", "ready");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  const CliResultText result = run->Wait();
  EXPECT_EQ(result.exit_code, 143);
  EXPECT_THAT(result.err,
              HasSubstr("background processes of the command are still running; sending SIGKILL"));
  std::string pid = ReadAll(pid_file);
  pid.pop_back();
  // One that is dead and that nobody has waited for yet has no command line.
  const Deadline deadline(std::chrono::seconds(5));
  while (!ReadAll("/proc/" + pid + "/cmdline").empty()) {
    ASSERT_FALSE(deadline.Passed());
  }
}

TEST_F(RunCommandTest, ACancelFromOutsideEndsATalkativeCommand) {
  const auto run = StartScript("while echo tick; do sleep 0.01; done");
  WaitForMessage("j", "tick");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  EXPECT_EQ(run->Wait().exit_code, 143);
  EXPECT_THAT(Only(Told("j"), "job_"), ElementsAre("job_created", "job_started", "job_canceled"));
}

TEST_F(RunCommandTest, ACancelFromOutsideEndsTheStagesInsideToo) {
  const auto run = StartScript(Cli() + " run --stage s -- sh -c 'echo ready; sleep 1000'");
  WaitForMessage("j", "ready");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  EXPECT_NE(run->Wait().exit_code, 0);
  EXPECT_THAT(Only(Told("j"), "stage_"), ElementsAre("stage_started s"));
  EXPECT_EQ(GetJson("/api/v1/jobs/j/stages/s")["status"], "abandoned");
}

TEST_F(RunCommandTest, AJobThatWasCanceledAndResumedRuns) {
  Append("j", R"({"type":"job_canceled"})");
  Append("j", R"({"type":"job_resumed"})");
  const CliResultText result = cli_.Run({"run", "--job", "j", "--stage", "s", "--", "true"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
}

TEST_F(RunCommandTest, AReaderThatHasGoneEndsTheCommandAsItWouldWithoutUs) {
  const CliResultText result =
      cli_.Run({"run", "--job", "outer", "--", "bash", "-c",
                Cli() + " run --job j -- yes | head -n 2; echo ${PIPESTATUS[0]}"});
  EXPECT_EQ(result.out, "y\ny\n141\n");
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["reason"], "ended by SIGPIPE");
}

TEST_F(RunCommandTest, WhatTheCommandLeavesBehindIsNotWaitedForForEver) {
  ScriptGate gate(cli_.Path("gate"));
  const auto run = StartScript("{ " + gate.Shell() + "echo late; } & echo done");
  const CliResultText result = run->Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "done\n");
  EXPECT_THAT(result.err, AllOf(HasSubstr("still has its output open"), HasSubstr("1: sh (pid "),
                                HasSubstr("use --wait-all to wait")));
  EXPECT_EQ(Told("j").back(), "job_completed");
  EXPECT_EQ(Events("j").back()["payload"]["left_running"], 1);
  gate.Open();
}

TEST_F(RunCommandTest, WhatRunsOnWithoutHoldingTheOutputIsNamed) {
  ScriptGate gate(cli_.Path("gate"));
  const auto run = StartScript("{ " + gate.Shell() + "} > /dev/null 2>&1 & echo done");
  const CliResultText result = run->Wait();
  EXPECT_THAT(result.err, HasSubstr("not waiting for its background processes (1: sh (pid "));
  EXPECT_EQ(Events("j").back()["payload"]["left_running"], 1);
  gate.Open();
}

TEST_F(RunCommandTest, WaitAllWaitsForWhatRunsOnAndJournalsItsOutput) {
  ScriptGate gate(cli_.Path("gate"));
  const auto run =
      StartScript("{ " + gate.Shell() + "echo late; } & echo done; exit 3", {"--wait-all"});
  WaitForOutput(*run, "waiting for its background processes: 1: sh (pid ");
  gate.Open();
  const CliResultText result = run->Wait();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.out, "done\nlate\n");
  EXPECT_THAT(LogsOf("j"), ElementsAre("done", "late"));
  EXPECT_EQ(Told("j").back(), "job_failed 'exit code 3'");
  EXPECT_FALSE(Events("j").back()["payload"].contains("left_running"));
}

TEST_F(RunCommandTest, ADaemonThatTheCommandStartsIsNobodysChild) {
  cli_.SetFolder(cli_.home());
  ScriptGate gate(cli_.Path("gate"));
  const auto run =
      StartScript("setsid sh -c 'echo $$ > pid; read x < " + cli_.Path("gate") +
                      "' > /dev/null 2>&1 < /dev/null & while [ ! -s pid ]; do :; done",
                  {"--wait-all"});
  const CliResultText result = run->Wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  gate.Open();
}

TEST_F(RunCommandTest, APromptIsShownThoughItsLineIsNotFinished) {
  ScriptGate gate(cli_.Path("gate"));
  const auto run = StartScript("printf 'Continue? '\n" + gate.Shell() + "echo yes");
  WaitForMessage("j", "Continue? ");
  gate.Open();
  EXPECT_EQ(run->Wait().out, "Continue? yes\n");
  EXPECT_THAT(LogsOf("j"), ElementsAre("Continue? ", "yes"));
}

TEST_F(RunCommandTest, OfAProgressBarOneFrameIsJournaledAndAllArePrinted) {
  std::string bar;
  for (int i = 0; i <= 100; ++i) bar += std::to_string(i) + "%%\\r";
  const CliResultText result = Script("printf '" + bar + "\\n'");
  EXPECT_THAT(result.out, HasSubstr("\r57%\r"));
  EXPECT_THAT(LogsOf("j"), ElementsAre("100%"));
}

TEST_F(RunCommandTest, StagesThatWillComeAreDeclared) {
  Script("echo ::stage build", {"--stages", "fetch,build,test/unit"});
  const Json created = Events("j").front()["payload"];
  EXPECT_EQ(created["stages"], Json({"fetch", "build", "test/unit"}));
  EXPECT_EQ(created["command"][0], "sh");
  for (const std::string list : {"a,,b", "a b", "a,a", ",", "a/"}) {
    const CliResultText result = cli_.Run({"run", "--stages", list, "--", "true"});
    EXPECT_EQ(result.exit_code, 2) << list << result.err;
  }
  EXPECT_EQ(
      cli_.Run({"run", "--job", "j", "--stage", "s", "--stages", "a", "--", "true"}).exit_code, 2);
}

TEST_F(RunCommandTest, ALineThatIsNearlyAMarkerIsWarnedOf) {
  const CliResultText result = Script("echo ::progres 4; echo ::progress 50; echo ::group::x");
  EXPECT_EQ(SplitLines(result.err).size(), 2U) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("'::progres 4': did you mean '::progress'"),
                                HasSubstr("'::progress 50': missing total")));
}

TEST_F(RunCommandTest, TheWordsOfTheCommandNeedNotBeJournaled) {
  Script("echo hello; exit 1 # --password=hunter2", {"--no-command"});
  EXPECT_FALSE(Events("j").front()["payload"].contains("command"));
  for (const Json& event : Events("j")) EXPECT_THAT(event.dump(), Not(HasSubstr("hunter2")));
}

TEST_F(RunCommandTest, WithTooFewDescriptorsTheCommandIsNotStarted) {
  // UBSan takes descriptors of its own to look at objects.
  if (kSanitized) GTEST_SKIP();
  for (const int limit : {6, 9, 12, 16, 20, 25, 30}) {
    const std::string proof = cli_.Path("started-" + std::to_string(limit));
    cli_.SetWrapper({"sh", "-c", "ulimit -n " + std::to_string(limit) + "; exec \"$@\"", "sh"});
    const CliResultText result = cli_.Run({"run", "--", "touch", proof});
    EXPECT_EQ(result.exit_code, 126) << limit << result.err;
    EXPECT_THAT(result.err, HasSubstr("the command was not started: not enough file descriptors"));
    EXPECT_FALSE(std::filesystem::exists(proof));
  }
}

TEST_F(RunCommandTest, TheLeastThatIsSaidToBeEnoughIsEnough) {
  for (int limit = 33; limit < 48; ++limit) {
    const std::string job = "j" + std::to_string(limit);
    cli_.SetWrapper({"sh", "-c", "ulimit -n " + std::to_string(limit) + "; exec \"$@\"", "sh"});
    const CliResultText result = cli_.Run({"run", "--job", job, "--", "echo", "hello"});
    if (result.exit_code == 126) continue;
    EXPECT_EQ(result.exit_code, 0) << limit << result.err;
    EXPECT_EQ(result.err, "") << limit;
    EXPECT_THAT(LogsOf(job), ElementsAre("hello"));
  }
  cli_.SetWrapper({});
}

// The last that can fail, and it fails when there is a child already.
TEST_F(RunCommandTest, WithoutAPidfdTheCommandIsNotStarted) {
  cli_.SetBeforeExec(RefusePidfds);
  if (cli_.Run({"--version"}).exit_code == kNoFilters) SKIP_TEST() << "no seccomp";
  for (const std::string terminal : {"", "--pty"}) {
    const std::string job = "j" + terminal;
    const std::string proof = cli_.Path("started" + terminal);
    std::vector<std::string> words = {"run", "--job", job, "--", "touch", proof};
    if (!terminal.empty()) words.insert(words.begin() + 1, terminal);
    const CliResultText result = cli_.Run(words);
    EXPECT_EQ(result.exit_code, 126) << result.err;
    EXPECT_EQ(result.err, "stagelog: cannot start 'touch': pidfd_open: Too many open files\n");
    EXPECT_FALSE(std::filesystem::exists(proof)) << "the run has waited for the child's end";
    EXPECT_EQ(Told(job).back(),
              "job_failed 'cannot start 'touch': pidfd_open: Too many open files'");
  }
}

}  // namespace
}  // namespace stagelog
