// The offline commands on a journal of which SQLite keeps but the newest events.
#include <gmock/gmock.h>

#include <fstream>

#include "base/logging.h"
#include "core/draft_decoder.h"
#include "journal/event_logger.h"
#include "tests/cli/cli_runner.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

class RetainedJournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_level(spdlog::level::off);
    EventLoggerOptions options;
    options.runs_dir = runs_;
    options.retention.max_events_per_job = 3;
    ManualClock clock;
    MetricsRegistry metrics;
    auto logger = EventLogger::Open(options, RealFileSystem(), clock, metrics);
    ASSERT_TRUE(logger) << logger.error().message;
    for (int i = 0; i < 20; ++i) {
      Append(**logger, R"({"type":"log","message":"m)" + std::to_string(i) + "\"}");
    }
    Append(**logger, R"({"type":"job_completed"})");
    clock.AdvanceMicros(int64_t{7'200} * 1'000'000);
    int64_t dropped = -1;
    (*logger)->RunRetention(false, [&](const auto& report) { dropped = report->events_dropped; });
    while (dropped < 0) (*logger)->RunOnce(false);
    ASSERT_EQ(dropped, 18);
  }

  static void Append(EventLogger& logger, const std::string& event) {
    bool done = false;
    logger.Append({*DecodeDraft(event, {"job", "tester"})}, nullptr, [&](const auto& outcome) {
      EXPECT_TRUE(outcome);
      done = true;
    });
    while (!done) logger.RunOnce(false);
  }

  CliResultText Run(std::vector<std::string> arguments, int exit_code) {
    CliResultText result = cli_.Run(std::move(arguments));
    EXPECT_EQ(result.exit_code, exit_code) << result.out << result.err;
    return result;
  }

  TemporaryDirectory directory_;
  std::string runs_ = directory_.Path("runs");
  CliRunner cli_;
};

TEST_F(RetainedJournalTest, IsVerifiedWithItsDatabase) {
  Run({"verify", runs_, "--database"}, 0);
  const std::string path = EventsFileOf(runs_, "job");
  EXPECT_THAT(Run({"state", path}, 0).out, HasSubstr("completed"));
  EXPECT_THAT(Run({"export", path, "--format", "csv"}, 0).out, HasSubstr("m3"));
  std::string text = ReadAll(path);
  text[text.find("\"m3\"") + 1] = 'X';
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  EXPECT_THAT(Run({"verify", runs_, "--database"}, 1).out,
              HasSubstr("the database says something else of seq 4"));
}

}  // namespace
}  // namespace stagelog
