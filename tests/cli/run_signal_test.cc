// A signal reaches the command of a `stagelog run` once, whoever it was sent to.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/check.h"
#include "tests/cli/run_fixture.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;

// Says which signals it gets, and ends at SIGUSR1.
constexpr const char* kTool =
    "$| = 1; $SIG{TERM} = sub { print \"term\\n\" }; $SIG{INT} = sub { print \"int\\n\" }; "
    "$SIG{HUP} = sub { print \"hup\\n\" }; $SIG{USR1} = sub { print \"end\\n\"; exit 0 }; "
    "print \"ready\\n\"; select undef, undef, undef, undef while 1";

// `timeout` sends SIGCONT behind its signal: only those ask for these two that are about them.
constexpr const char* kMoreSignals =
    "$SIG{CONT} = sub { print \"cont\\n\" }; $SIG{WINCH} = sub { print \"winch\\n\" }; ";

std::vector<pid_t> Below(pid_t pid) {
  std::vector<pid_t> found;
  std::ifstream list("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  for (pid_t child = 0; list >> child;) {
    found.push_back(child);
    for (const pid_t deeper : Below(child)) found.push_back(deeper);
  }
  return found;
}

class RunSignalTest : public RunTest {
 protected:
  void SetUp() override { StartDaemon(); }

  void Start(std::vector<std::string> before = {}) {
    std::vector<std::string> words = {"run", "--job", job_, "--"};
    words.insert(words.end(), before.begin(), before.end());
    words.insert(words.end(), {"perl", "-e", tool_});
    process_ = cli_.Start(words);
    WaitForMessage(job_, "ready");
  }

  // Of the `stagelog run` itself.
  pid_t Run() {
    const auto pid = Events(job_).front()["payload"]["pid"].get<pid_t>();
    STAGELOG_CHECK(pid > 1);  // kill(-1) would reach every process of the machine
    return pid;
  }

  // What the tool has said of signals, once it has ended.
  std::vector<std::string> Said(const std::string& first) {
    WaitForMessage(job_, first);
    // Sent to the run alone, and later than what comes twice.
    EXPECT_EQ(::kill(Run(), SIGUSR1), 0);
    process_->Wait();
    return LogsOf(job_);
  }

  std::string job_ = "j";
  std::string tool_ = kTool;
  std::unique_ptr<CliProcess> process_;
};

TEST_F(RunSignalTest, SentToTheRunAlone) {
  Start();
  ::kill(Run(), SIGTERM);
  EXPECT_THAT(Said("term"), ElementsAre("ready", "term", "end"));
  EXPECT_EQ(Told("j").back(), "job_canceled 'canceled by SIGTERM'");
}

TEST_F(RunSignalTest, SentToItsProcessGroup) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    SCOPED_TRACE(signal);
    job_ = "j" + std::to_string(signal);
    cli_.SetWrapper({"setsid"});
    Start();
    ::kill(-Run(), signal);
    const std::string word = signal == SIGTERM ? "term" : signal == SIGINT ? "int" : "hup";
    EXPECT_THAT(Said(word), ElementsAre("ready", word, "end"));
    EXPECT_EQ(GetJson("/api/v1/jobs/" + job_)["status"], "canceled");
  }
}

// Nothing that ends it: the job is not canceled.
TEST_F(RunSignalTest, OneThatContinuesOrResizes) {
  tool_ = std::string(kMoreSignals) + kTool;
  for (const auto& [signal, word] : {std::pair(SIGCONT, "cont"), std::pair(SIGWINCH, "winch")}) {
    for (const bool to_group : {false, true}) {
      SCOPED_TRACE(word);
      job_ = std::string(word) + (to_group ? "-group" : "-alone");
      cli_.SetWrapper({"setsid"});
      Start();
      ::kill(to_group ? -Run() : Run(), signal);
      EXPECT_THAT(Said(word), ElementsAre("ready", word, "end"));
      EXPECT_EQ(GetJson("/api/v1/jobs/" + job_)["status"], "completed");
    }
  }
}

TEST_F(RunSignalTest, ContinuingTheRunAloneContinuesTheCommandThatWasStoppedWithIt) {
  tool_ = std::string(kMoreSignals) + kTool;
  cli_.SetWrapper({"setsid"});
  Start();
  ::kill(-Run(), SIGSTOP);
  ::kill(Run(), SIGCONT);
  EXPECT_THAT(Said("cont"), ElementsAre("ready", "cont", "end"));
}

TEST_F(RunSignalTest, SentByTimeout) {
  cli_.SetWrapper({"timeout", "1000"});
  Start();
  // It sends the signal to the run, and again to its whole group.
  process_->Signal(SIGTERM);
  EXPECT_THAT(Said("term"), ElementsAre("ready", "term", "end"));
}

TEST_F(RunSignalTest, SentToEveryProcessOfTheService) {
  Start();
  const pid_t run = Run();
  std::vector<pid_t> all = Below(run);
  EXPECT_GE(all.size(), 1U);
  ::kill(run, SIGTERM);
  for (const pid_t pid : all) ::kill(pid, SIGTERM);
  EXPECT_THAT(Said("term"), ElementsAre("ready", "term", "end"));
}

TEST_F(RunSignalTest, SentToWhateverHasTheCommandsWords) {
  Start();
  const pid_t run = Run();
  ::kill(run, SIGTERM);
  for (const pid_t pid : Below(run)) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline");
    const std::string words((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
    EXPECT_EQ(words.find("stagelog"), std::string::npos)
        << "who signals 'stagelog run' means the run, and not the witness";
    EXPECT_TRUE(words.starts_with("perl")) << words;
    if (words.find("perl") != std::string::npos) ::kill(pid, SIGTERM);
  }
  EXPECT_THAT(Said("term"), ElementsAre("ready", "term", "end"));
}

TEST_F(RunSignalTest, ForACommandThatHasAGroupOfItsOwn) {
  cli_.SetWrapper({"setsid"});
  Start({"setsid"});
  ::kill(-Run(), SIGTERM);
  EXPECT_THAT(Said("term"), ElementsAre("ready", "term", "end"));
}

TEST_F(RunSignalTest, FromTheKeyboard) {
  if (!HasPseudoTerminals()) SKIP_TEST() << "no pseudo-terminals here";
  int terminal = -1;
  const pid_t pid = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    const std::string url = "http://127.0.0.1:" + std::to_string(port_);
    ::setenv("STAGELOG_URL", url.c_str(), 1);
    ::setenv("STAGELOG_TOKEN", std::string(kAdminToken).c_str(), 1);
    ::setenv("HOME", cli_.home().c_str(), 1);
    ::execl(CliPath().c_str(), "stagelog", "run", "--job", "j", "--", "perl", "-e", kTool, nullptr);
    ::_exit(126);
  }
  WaitForMessage("j", "ready");
  ASSERT_EQ(::write(terminal, "\x03", 1), 1);
  WaitForMessage("j", "int");
  ::kill(pid, SIGUSR1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(terminal);
  EXPECT_THAT(LogsOf("j"), ElementsAre("ready", "int", "end"));
  EXPECT_EQ(Told("j").back(), "job_canceled 'canceled by SIGINT'");
}

TEST_F(RunSignalTest, TwiceOnPurposeIsTwice) {
  Start();
  ::kill(Run(), SIGTERM);
  WaitForMessage("j", "term");
  // The first one has come through, so that this one is another.
  ::kill(Run(), SIGTERM);
  while (LogsOf("j").size() < 3) {
    WaitForType("j", "log");
  }
  EXPECT_THAT(Said("term"), ElementsAre("ready", "term", "term", "end"));
}

TEST_F(RunSignalTest, ACancelFromTheDaemonReachesTheCommandOnce) {
  Start();
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  EXPECT_THAT(Said("term"), ElementsAre("ready", "term", "end"));
}

TEST_F(RunSignalTest, WithTheRunGoneNoWitnessIsLeft) {
  Start();
  const std::vector<pid_t> below = Below(Run());
  ASSERT_EQ(below.size(), 2U);
  process_->Signal(SIGKILL);
  process_->Wait();
  for (const pid_t pid : below) {
    std::ifstream name("/proc/" + std::to_string(pid) + "/comm");
    std::string text;
    name >> text;
    if (text == "perl") ::kill(pid, SIGKILL);
    // It ends by itself, as soon as the scheduler lets it.
    if (text == "signal-witness") {
      while (::kill(pid, 0) == 0) ::usleep(1'000);
    }
  }
}

}  // namespace
}  // namespace stagelog
