// stagelog run --pty: the command has a terminal of its own.
#include <gmock/gmock.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "tests/cli/run_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A person at a terminal of 33 lines and 99 columns who runs a command.
class Person {
 public:
  Person(const std::vector<std::string>& words,
         const std::vector<std::pair<std::string, std::string>>& environment) {
    winsize size{};
    size.ws_row = 33;
    size.ws_col = 99;
    pid_ = ::forkpty(&terminal_, nullptr, nullptr, &size);
    has_ended_ = pid_ < 0;  // kill(-1) would reach every process of the machine
    EXPECT_GT(pid_, -1) << "no pseudo-terminal";
    if (pid_ != 0) return;
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> pointers;
    for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
    pointers.push_back(nullptr);
    ::execvp(pointers[0], pointers.data());
    ::_exit(126);
  }
  ~Person() {
    if (!has_ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(terminal_);
  }

  void Type(const std::string& text) {
    EXPECT_EQ(::write(terminal_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  void Resize(uint16_t rows, uint16_t columns) {
    winsize size{};
    size.ws_row = rows;
    size.ws_col = columns;
    ::ioctl(terminal_, TIOCSWINSZ, &size);
  }

  // Reads until `text` has come since the last call; fails the test when it does not.
  void WaitFor(const std::string& text) {
    const Deadline deadline(std::chrono::seconds(30));
    size_t at = 0;
    while ((at = screen_.find(text, seen_)) == std::string::npos) {
      if (!ReadMore(deadline.RemainingMs())) {
        FAIL() << "no '" << text << "' in: " << screen_.substr(seen_);
      }
    }
    seen_ = at + text.size();
  }

  // The exit code. A command that prints nothing for half a minute, and does not end, is killed.
  int Wait() {
    while (ReadMore(30'000)) {
    }
    pollfd entry{terminal_, POLLIN, 0};
    if (::poll(&entry, 1, 0) == 0) ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    has_ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  const std::string& screen() const { return screen_; }
  pid_t pid() const { return pid_; }

 private:
  bool ReadMore(int timeout_ms) {
    pollfd entry{terminal_, POLLIN, 0};
    std::array<char, 4096> bytes;
    if (::poll(&entry, 1, timeout_ms) != 1) return false;
    const ssize_t count = ::read(terminal_, bytes.data(), bytes.size());
    if (count <= 0) return false;
    screen_.append(bytes.data(), static_cast<size_t>(count));
    return true;
  }

  int terminal_ = -1;
  pid_t pid_ = -1;
  bool has_ended_ = false;
  std::string screen_;
  size_t seen_ = 0;
};

class RunPtyTest : public RunTest {
 protected:
  void SetUp() override {
    if (!HasPseudoTerminals()) SKIP_TEST() << "no pseudo-terminals here";
    StartDaemon();
  }

  std::vector<std::pair<std::string, std::string>> Environment() {
    return {{"STAGELOG_URL", "http://127.0.0.1:" + std::to_string(port_)},
            {"STAGELOG_TOKEN", std::string(kAdminToken)},
            {"HOME", cli_.home()},
            {"PS1", "ready> "},
            {"STAGELOG", CliPath()}};
  }

  std::unique_ptr<Person> Script(const std::string& script) {
    return std::make_unique<Person>(
        std::vector<std::string>{CliPath(), "run", "--job", "j", "--pty", "--", "sh", "-c", script},
        Environment());
  }
};

TEST_F(RunPtyTest, WithoutATerminalOfOursTheCommandHasOneAllTheSame) {
  const CliResultText result = cli_.Run(
      {"run", "--job", "j", "--pty", "--", "sh", "-c",
       "test -t 0 && test -t 1 && test -t 2 && echo all; stty size; read x; echo got $x >&2; "
       "read x || echo over; exit 3"},
      "hello\n");
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_EQ(result.out, "all\n24 80\ngot hello\nover\n") << "nothing is echoed";
  EXPECT_THAT(LogsOf("j"), ElementsAre("all", "24 80", "got hello", "over"));
  EXPECT_EQ(Told("j").back(), "job_failed 'exit code 3'");
}

TEST_F(RunPtyTest, TheEndOfTheInputIsTypedWithinALineToo) {
  const CliResultText result = cli_.Run({"run", "--job", "j", "--pty", "--", "cat"}, "abc");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "abc");
  const CliResultText large =
      cli_.Run({"run", "--job", "k", "--pty", "--", "wc", "-l"}, std::string(20'000, '\n'));
  EXPECT_EQ(large.out, "20000\n");
}

TEST_F(RunPtyTest, OutputThatIsBufferedOnAPipeComesAtOnce) {
  const std::string script = "print \"waiting\\n\"; my $x = <STDIN>; print \"on\\n\"";
  Person person({CliPath(), "run", "--job", "j", "--pty", "--", "perl", "-e", script},
                Environment());
  WaitForMessage("j", "waiting");
  person.Type("\r");
  EXPECT_EQ(person.Wait(), 0);
  EXPECT_THAT(LogsOf("j"), Contains("on"));
}

TEST_F(RunPtyTest, SizeEchoAndResizingAreAsOnTheTerminalItself) {
  auto person = Script(
      "stty size; trap 'stty size' WINCH; read x; echo got $x; while read y; do echo $y; done");
  person->WaitFor("33 99");
  person->Type("typed\r");
  person->WaitFor("typed\r\ngot typed\r\n");
  person->Resize(44, 111);
  person->Type("again\r");
  person->WaitFor("44 111");
  person->Type("\x04");
  EXPECT_EQ(person->Wait(), 0);
}

TEST_F(RunPtyTest, AnInterruptOfTheKeyboardEndsTheCommandAndTheJobIsCanceled) {
  // exec: what a shell forks does not see the signal until it has become the program.
  auto person = Script("echo started; exec sleep 1000");
  person->WaitFor("started");
  person->Type("\x03");
  EXPECT_EQ(person->Wait(), 130);
  EXPECT_EQ(Told("j").back(), "job_canceled 'canceled by SIGINT'");
}

// As without --pty (RunSignalTest): whatever the command makes of it.
TEST_F(RunPtyTest, AnInterruptThatTheCommandHandlesCancelsTheJobToo) {
  for (const std::string end : {"exit 3", "exit 0"}) {
    auto person = Script("trap '" + end + "' INT; echo started; while :; do read x; done");
    person->WaitFor("started");
    person->Type("\x03");
    person->Wait();
    EXPECT_EQ(Told("j").back(), "job_canceled 'canceled by SIGINT'") << end;
    EXPECT_EQ(admin().Post("/api/v1/jobs/j/events", R"({"type":"job_resumed"})").status, 201);
  }
}

TEST_F(RunPtyTest, AnInterruptOfSomethingThatTheCommandRunsIsNoCancel) {
  auto person = Script("trap : INT; set -m; sh -c 'echo started; exec sleep 1000'; exit 4");
  person->WaitFor("started");
  person->Type("\x03");
  EXPECT_EQ(person->Wait(), 4);
  EXPECT_EQ(Told("j").back(), "job_failed 'exit code 4'");
}

TEST_F(RunPtyTest, ASignalReachesTheCommandOnce) {
  auto person = Script(
      "trap 'echo term; n=x$n' TERM; trap 'echo end $n; exit 0' USR1; echo started; "
      "while :; do read x; done");
  person->WaitFor("started");
  ASSERT_GT(person->pid(), 1);
  ::kill(-person->pid(), SIGTERM);
  WaitForMessage("j", "term");
  ::kill(person->pid(), SIGUSR1);
  EXPECT_EQ(person->Wait(), 0);
  EXPECT_THAT(LogsOf("j"), ElementsAre("started", "term", "end x"));
}

TEST_F(RunPtyTest, TheShellStopsAndContinuesIt) {
  Person person({"bash", "--norc", "--noprofile", "-i"}, Environment());
  person.WaitFor("ready> ");
  person.Type("$STAGELOG run --job j --pty -- sh -c 'echo sta''rted; read x; echo got $x'\r");
  person.WaitFor("started");
  person.Type("\x1a");
  person.WaitFor("Stopped");
  person.WaitFor("ready> ");
  person.Type("stty -a | tr ';' '\\n' | grep -c -w -e icanon\r");
  person.WaitFor("1\r\n");  // the shell's terminal is as it was
  person.Type("fg\r");
  person.WaitFor("--pty");
  person.Type("back\r");
  person.WaitFor("got back");
  person.WaitFor("ready> ");
  person.Type("exit\r");
  EXPECT_EQ(person.Wait(), 0);
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["status"], "completed");
}

}  // namespace
}  // namespace stagelog
