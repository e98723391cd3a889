// What the daemon says of itself: at its start, and when its configuration is reread.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <regex>

#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kOwnToken =
    "auth:\n  tokens:\n    - {name: admin, token: a-token-of-my-own, roles: admin}\n";

class StartLogTest : public DaemonTest {
 protected:
  // Returns when the daemon's log has that.
  void AwaitLog(const std::string& text) {
    const Deadline deadline(std::chrono::seconds(30));
    while (daemon_->StderrText().find(text) == std::string::npos) {
      ASSERT_FALSE(deadline.Passed()) << text << "\n" << daemon_->StderrText();
      ::usleep(10'000);
    }
  }
};

TEST_F(StartLogTest, SaysWhatItServesAndWhere) {
  Start();
  AppendLogs("a", 2);
  AppendLogs("b", 1);
  Stop();
  Start();
  AwaitLog("serving http://127.0.0.1:" + std::to_string(daemon_->port()));
  EXPECT_THAT(daemon_->StderrText(),
              AllOf(HasSubstr("configuration: " + Options().config_path),
                    HasSubstr("journal: " + runs_dir() + ", 0 jobs, last seq 0"),
                    HasSubstr("journal: " + runs_dir() + ", 2 jobs, last seq 3"),
                    HasSubstr(" warning [stagelogd] the public default token is in use")));
}

TEST_F(StartLogTest, ItsOwnLinesHaveTimeAndLevelAndEventsHaveTheirs) {
  Start();
  AppendLogs("job", 1);
  Stop();
  const std::regex own(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (info|warning) \[\w+\] .+)");
  const std::regex event(R"(\[events\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z job#1 log "1")");
  int events = 0;
  for (const std::string& line : SplitLines(daemon_->StderrText())) {
    const bool is_event = std::regex_match(line, event);
    if (is_event) ++events;
    EXPECT_TRUE(is_event || std::regex_match(line, own)) << line;
  }
  EXPECT_EQ(events, 1);
}

TEST_F(StartLogTest, ATokenOfOnesOwnIsNoReasonToWarn) {
  Start(kOwnToken);
  AwaitLog("serving http://");
  EXPECT_THAT(daemon_->StderrText(), Not(HasSubstr("default token")));
}

TEST_F(StartLogTest, ARereadNamesWhatChangedAndWhatNeedsARestart) {
  Start();
  WriteConfig("server: {port: 1, log_level: debug}\nlimits: {head_bytes: 2048}\n" +
              std::string(kOwnToken) +
              "    - {name: ci, token: token-of-the-writer, roles: writer}\n");
  daemon_->Signal(SIGHUP);
  AwaitLog("configuration reloaded: " + Options().config_path);
  EXPECT_THAT(daemon_->StderrText(),
              AllOf(HasSubstr(" info [stagelogd] token changed: admin"),
                    HasSubstr("token added: ci"), HasSubstr("token removed: watcher"),
                    HasSubstr("[stagelogd] applied changes to: server.log_level, server.hosts, "
                              "server.allowed_origins, auth.tokens"),
                    // --port wins over the file: a restart would not change it.
                    HasSubstr(" warning [stagelogd] restart the daemon to apply changes to: "
                              "limits.head_bytes")));
  EXPECT_EQ(As("token-of-the-writer").Get("/api/v1/jobs").status, 200);
}

}  // namespace
}  // namespace stagelog
