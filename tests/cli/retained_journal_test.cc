// The offline commands on a journal of which SQLite keeps but the newest events.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "archive/archiver.h"
#include "base/logging.h"
#include "core/draft_decoder.h"
#include "log/event_logger.h"
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
    SetLogLevel(LogLevel::kOff);
    EventLoggerOptions options;
    options.runs_dir = runs_;
    auto logger = EventLogger::Open(options, RealFileSystem(), clock_, metrics_);
    ASSERT_TRUE(logger) << logger.error().message;
    for (int i = 0; i < 20; ++i) {
      Append(**logger, R"({"type":"log","message":"m)" + std::to_string(i) + "\"}");
    }
    Append(**logger, R"({"type":"job_completed"})");
    logger_ = std::move(*logger);
    archiver_ =
        std::make_unique<Archiver>(RetentionOptions{.max_events_per_job = 3, .compress_days = 1},
                                   *logger_, RealFileSystem(), runs_, clock_, metrics_);
    logger_->AddMaintenance(archiver_.get());
    clock_.AdvanceMicros(int64_t{7'200} * 1'000'000);
    EXPECT_EQ(Retain().events_dropped, 18);
  }

  RetentionReport Retain() {
    std::optional<RetentionReport> report;
    archiver_->RunRetention(false, [&](const auto& outcome) { report = *outcome; });
    while (!report) logger_->RunOnce(false);
    return *report;
  }

  void Compress() {
    clock_.AdvanceMicros(int64_t{25} * 3'600 * 1'000'000);
    EXPECT_EQ(Retain().jobs_compressed, 1);
    EXPECT_FALSE(std::filesystem::exists(EventsFileOf(runs_, "job")));
  }

  static void Append(EventLogger& logger, const std::string& event) {
    bool done = false;
    logger.Append({*DecodeDraft(event, {"job", "tester"})}, std::nullopt, [&](const auto& outcome) {
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
  ManualClock clock_;
  MetricsRegistry metrics_;
  std::unique_ptr<Archiver> archiver_;
  std::unique_ptr<EventLogger> logger_;
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
              HasSubstr("the database has different content for seq 4"));
}

TEST_F(RetainedJournalTest, EveryCommandReadsACompressedFile) {
  const std::string plain = EventsFileOf(runs_, "job");
  const std::string bare = directory_.Path("old.zst");
  const std::string csv = Run({"export", plain, "--format", "csv"}, 0).out;
  const std::string state = Run({"state", plain}, 0).out;
  const std::string replayed = Run({"replay", plain, "--speed", "max", "--json"}, 0).out;
  Compress();
  std::filesystem::copy(plain + ".zst", bare);
  for (const std::string& path : {runs_, runs_ + "/job", plain + ".zst", bare}) {
    SCOPED_TRACE(path);
    EXPECT_THAT(Run({"verify", path}, 0).out, HasSubstr("21 events, last hash"));
    EXPECT_THAT(Run({"import", path, "--dry-run"}, 0).out, HasSubstr("21 events could be sent"));
    EXPECT_THAT(Run({"import", path, "--dry-run", "--job", "other"}, 0).out,
                HasSubstr("21 events could be sent"));
    if (path == runs_) continue;
    EXPECT_EQ(Run({"export", path, "--format", "csv"}, 0).out, csv);
    EXPECT_EQ(Run({"state", path}, 0).out, state);
    EXPECT_EQ(Run({"replay", path, "--speed", "max", "--json"}, 0).out, replayed);
  }
  Run({"verify", runs_, "--database"}, 0);
}

TEST_F(RetainedJournalTest, ADamagedCompressedFileIsSaidToBeOne) {
  Compress();
  const std::string path = EventsFileOf(runs_, "job") + ".zst";
  const std::string bytes = ReadAll(path);
  std::string flipped = bytes;
  flipped[bytes.size() / 3] ^= 1;
  for (const std::string& damaged :
       {flipped, bytes.substr(0, bytes.size() - 1), bytes.substr(0, 9), std::string("{}\n")}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << damaged;
    const std::string said = Run({"verify", runs_}, 1).out;
    EXPECT_THAT(said, HasSubstr("damaged_file: "));
    EXPECT_THAT(said, HasSubstr("events.jsonl.zst is damaged: "));
    EXPECT_THAT(said, HasSubstr("none from the beginning"));
    for (const char* command : {"state", "replay"}) {
      const CliResultText result = Run({command, runs_ + "/job"}, 7);
      EXPECT_THAT(result.err, HasSubstr("events.jsonl.zst is damaged: ")) << command;
      EXPECT_EQ(result.out, "");
    }
  }
  std::filesystem::remove(path);
  EXPECT_THAT(Run({"verify", runs_ + "/job"}, 7).err, HasSubstr("no events.jsonl in it"));
}

}  // namespace
}  // namespace stagelog
