// stagelog tail as a person and as a script run it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include "cli/watch/live_block.h"
#include "tests/cli/cli_runner.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/journal_lines.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class TailTest : public DaemonTest {
 protected:
  void SetUp() override {
    Start();
    cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:" + std::to_string(daemon_->port()));
    cli_.SetEnvironment("TZ", "UTC");
  }

  // The shell's word for a pipe: the exit code of the first command behind PIPESTATUS.
  int CodeOfFirst(const std::string& pipeline) {
    const std::string url = "http://127.0.0.1:" + std::to_string(daemon_->port());
    const std::string command = "bash -c 'export HOME=" + cli_.home() + " STAGELOG_URL=" + url +
                                "; " + STAGELOG_CLI_PATH + " " + pipeline +
                                "; exit ${PIPESTATUS[0]}' >/dev/null";
    const int status = std::system(command.c_str());
    return WEXITSTATUS(status);
  }

  CliRunner cli_;
};

TEST_F(TailTest, PrintsTheStoredBytesAsJsonLines) {
  AppendLogs("job", 5);
  Append("job", R"({"type":"job_completed"})");
  const CliResultText result = cli_.Run({"tail", "job", "--json", "--until-terminal"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, JoinLines(Lines("job")));
  EXPECT_EQ(result.err, "");
}

TEST_F(TailTest, FollowsLiveAndEndsWithTheJob) {
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  auto tail = cli_.Start({"tail", "job", "--until-over"});
  AppendLogs("job", 3);
  Append("job", R"({"type":"job_failed","message":"no disk"})");
  const CliResultText result = tail->Wait();
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("stage_started    encode"), HasSubstr("log              3\n"),
                    HasSubstr("job_failed       no disk\n")));
}

TEST_F(TailTest, FiltersAndLimits) {
  AppendLogs("one", 3);
  AppendLogs("two", 3);
  Append("two", R"({"type":"log","level":"error","message":"needle"})");
  const auto count = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"tail", "--json"});
    const CliResultText result = cli_.Run(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return std::count(result.out.begin(), result.out.end(), '\n');
  };
  EXPECT_EQ(count({"--limit", "5", "--since", "all"}), 5);
  EXPECT_EQ(count({"--limit", "2", "--job", "two", "--since", "all"}), 2);
  EXPECT_EQ(count({"--limit", "1", "--level", "error", "--since", "all"}), 1);
  EXPECT_EQ(count({"--limit", "1", "--text", "NEEDLE", "--since", "all"}), 1);
  EXPECT_EQ(count({"--limit", "4", "--after", "3"}), 4);
}

TEST_F(TailTest, AReaderThatHasGoneEndsItQuietlyAlsoWhereNothingHappens) {
  AppendLogs("job", 3);
  EXPECT_EQ(CodeOfFirst("tail job 2>&1 | head -1"), 141);
  EXPECT_EQ(CodeOfFirst("tail 2>&1 | true"), 141);
}

TEST_F(TailTest, CtrlCEndsItWith130) {
  AppendLogs("job", 1);
  auto tail = cli_.Start({"tail", "job"});
  const Deadline deadline(std::chrono::seconds(30));
  while (tail->out().empty() && !deadline.Passed()) tail->Wait(std::chrono::milliseconds(10));
  tail->Signal(SIGINT);
  const CliResultText result = tail->Wait();
  EXPECT_EQ(result.exit_code, 130);
  EXPECT_EQ(result.err, "");
}

TEST_F(TailTest, BadInputIsAShortMessageAndACode) {
  const auto run = [&](std::vector<std::string> arguments, int code, const std::string& message) {
    const CliResultText result = cli_.Run(arguments);
    EXPECT_EQ(result.exit_code, code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  };
  run({"tail", "--url", "http://127.0.0.1:1"}, 5, "no daemon at http://127.0.0.1:1");
  run({"tail", "--token", "wrong"}, 6, "check STAGELOG_TOKEN");
  run({"tail", "--since", "7"}, 2, "--since");
  run({"tail", "--type", "stage_strated"}, 2, "'stage_started'");
  run({"tail", "--until-terminal"}, 2, "needs a JOB");
  run({"tail", "job", "--job", "other"}, 2, "not both");
  run({"tail", "../etc"}, 2, "is not a job name");
  run({"show", "nobody"}, 6, "there is no job 'nobody'");
  run({"show", "job", "--at", "soon"}, 2, "invalid time 'soon'");
  run({"show", "job", "--watch", "--at", "10m"}, 2, "--watch cannot be combined");
  run({"jobs", "--status", "runing"}, 2, "running");
  run({"jobs", "--since", "soon"}, 2, "--since");
  run({"jobs", "--url", "http://127.0.0.1:1"}, 5, "no daemon");
}

TEST(LiveBlockTest, RowsAreTakenAwayBeforeLinesAboveThemAndAtTheEnd) {
  TemporaryDirectory directory;
  const std::string path = directory.Path("terminal");
  {
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    cli::Screen screen(file.get(), "never");
    cli::LiveBlock block(screen);
    EXPECT_TRUE(block.Show("", {"a", "b"}));
    EXPECT_TRUE(block.Show("", {"a", "b"}));
    EXPECT_TRUE(block.Show("line\n", {"c"}));
  }
  EXPECT_EQ(ReadAll(path), "a\nb\r\r\033[1A\033[Jline\nc\r\r\033[J");
}

}  // namespace
}  // namespace stagelog
