// What the daemon says of itself: at its start, and when its configuration is reread.
#include <gmock/gmock.h>
#include <signal.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <future>
#include <regex>
#include <sstream>

#include "base/logging.h"
#include "base/timestamp.h"
#include "core/draft_decoder.h"
#include "log/event_logger.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/manual_clock.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

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

// A journal in this process, its log, and the clock that both have.
class ClockStepTest : public StartLogTest {
 protected:
  void SetUp() override {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_st>(text_)));
    spdlog::default_logger()->set_pattern("%l %v");
    Open();
  }
  void TearDown() override {
    Close();
    spdlog::set_default_logger(before_);
    StartLogTest::TearDown();
  }

  void Open() {
    EventLoggerOptions options;
    options.runs_dir = runs_dir();
    logger_ = std::move(*EventLogger::Open(options, RealFileSystem(), clock_, metrics_));
  }
  void Close() {
    if (logger_ != nullptr) logger_->Stop();
    logger_.reset();
  }

  void AppendOne() {
    bool is_appended = false;
    logger_->Append({*DecodeDraft(kLogEvent, {"job", "a"})}, std::nullopt,
                    [&](const AppendOutcome& outcome) { is_appended = outcome.has_value(); });
    logger_->RunOnce();
    EXPECT_TRUE(is_appended);
  }

  // What was logged since the last call, without the events.
  std::vector<std::string> Logged() {
    std::vector<std::string> lines = SplitLines(text_.str());
    std::erase_if(lines, [](const auto& line) { return line.find("[events]") < line.size(); });
    text_.str("");
    return lines;
  }

  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
  ManualClock clock_;  // 2026-01-02T03:04:05Z
  MetricsRegistry metrics_;
  std::unique_ptr<EventLogger> logger_;
};

TEST_F(ClockStepTest, AStepBackIsSaidOnceAndThatItIsOver) {
  AppendOne();
  EXPECT_THAT(Logged(), ElementsAre());
  clock_.SetWallForward(-900'000);
  AppendOne();
  EXPECT_THAT(Logged(), ElementsAre()) << "this is what NTP does";
  clock_.SetWallForward(-9'100'000);
  AppendOne();
  EXPECT_THAT(Logged(),
              ElementsAre(StartsWith("warning [journal] the clock, 2026-01-02T03:03:55.000000Z, is "
                                     "behind the newest event, 2026-01-02T03:04:05.000001Z: ")));
  clock_.AdvanceMicros(4'000'000);
  AppendOne();
  EXPECT_THAT(Logged(), ElementsAre());
  clock_.SetWallForward(-2'000'000);
  AppendOne();
  EXPECT_THAT(Logged(), ElementsAre(HasSubstr("the clock, 2026-01-02T03:03:57.000000Z, is behind")))
      << "another step";
  clock_.AdvanceMicros(9'000'000);
  AppendOne();
  EXPECT_THAT(Logged(), ElementsAre(StartsWith("info [journal] the clock, 2026-01-02T03:04:06"
                                               ".000000Z, has caught up with the newest event")));
  AppendOne();
  EXPECT_THAT(Logged(), ElementsAre());
}

TEST_F(ClockStepTest, AtTheStartOfADaemon) {
  clock_.SetWallMicros(SystemClock().WallMicros() + int64_t{3'600} * 1'000'000);
  AppendOne();
  Close();
  Start();
  AwaitLog(" is behind the newest event, " + FormatTimestamp(clock_.WallMicros()));
}

}  // namespace
}  // namespace stagelog
