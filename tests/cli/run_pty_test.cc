// stagelog run --pty: the command has a terminal of its own.
#include <gmock/gmock.h>
#include <signal.h>

#include "tests/cli/person.h"
#include "tests/cli/run_fixture.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

// A shell does not tell a job that runs that it is in the foreground again.
TEST_F(RunPtyTest, TheKeyboardComesBackAfterBgAndFg) {
  Person person({"bash", "--norc", "--noprofile", "-i"}, Environment());
  person.WaitFor("ready> ");
  person.Type(
      "$STAGELOG run --job j --pty -- sh -c 'trap \"echo al\"\"ive\" USR1; echo sta''rted; "
      "while [ \"$x\" != two ]; do read x && echo got $x; done'\r");
  person.WaitFor("started");
  person.Type("one\r");
  person.WaitFor("got one");
  person.Type("\x1a");
  person.WaitFor("Stopped");
  person.WaitFor("ready> ");
  person.Type("bg\r");
  person.WaitFor("ready> ");
  person.Type("kill -USR1 %1\r");
  person.WaitFor("alive");  // it has seen that it is in the background
  person.Type("fg\r");
  person.WaitFor("--pty");
  person.Type("two\r");
  person.WaitFor("got two");
  person.WaitFor("ready> ");
  person.Type("stty -a | tr ';' '\\n' | grep -c -w -e icanon\r");
  person.WaitFor("1\r\n");  // the shell's terminal is as it was
  person.Type("exit\r");
  EXPECT_EQ(person.Wait(), 0);
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["status"], "completed");
}

TEST_F(RunPtyTest, TheKeyboardComesToARunThatBeganInTheBackground) {
  Person person({"bash", "--norc", "--noprofile", "-i"}, Environment());
  person.WaitFor("ready> ");
  person.Type(
      "$STAGELOG run --job j --pty -- sh -c 'case $(stty -a) in *-icanon*) echo ra''w;; *) echo "
      "coo''ked;; esac; read x; echo got $x' &\r");
  person.WaitFor("cooked");
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
