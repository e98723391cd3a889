// A run that the journal hears of only after it: imported, or sent by a spool. Everything that
// shows it tells the times that it had.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "client/spool_event.h"
#include "tests/cli/run_fixture.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kBegin = 1'763'719'200'000'000;  // 2025-11-21T10:00:00Z

// Three hours: a stage of two, a gate that waits for half an hour.
constexpr const char* kLateLog =
    R"({"at":"2025-11-21T10:00:00Z","event":"job_started"}
{"at":"2025-11-21T10:00:00Z","event":"stage_started","stage":"train"}
{"at":"2025-11-21T11:00:00Z","event":"log","msg":"half way","stage":"train"}
{"at":"2025-11-21T12:00:00Z","event":"stage_completed","stage":"train"}
{"at":"2025-11-21T12:00:00Z","event":"gate_pause","gate":"publish"}
{"at":"2025-11-21T12:30:00Z","event":"gate_approved","gate":"publish"}
{"at":"2025-11-21T13:00:00Z","event":"job_completed"}
)";

class LateRunTest : public RunTest {
 protected:
  void SetUp() override {
    cli_.SetEnvironment("TZ", "UTC");
    StartDaemon();
  }

  void Import() {
    std::ofstream(cli_.Path("log"), std::ios::binary) << kLateLog;
    Run({"import", cli_.Path("log"), "--job", "j", "--type-field", "event", "--time-field", "at",
         "--stage-field", "stage", "--gate-field", "gate", "--message-field", "msg"});
  }

  Json State() { return Json::parse(Run({"show", "j", "--json"}).out); }

  static void ExpectThreeHours(const Json& job) {
    EXPECT_EQ(job["created_at"], "2025-11-21T10:00:00.000000Z");
    EXPECT_EQ(job["started_at"], "2025-11-21T10:00:00.000000Z");
    EXPECT_EQ(job["ended_at"], "2025-11-21T13:00:00.000000Z");
    EXPECT_EQ(job["duration_ms"], 10'800'000);
    EXPECT_EQ(job["waited_ms"], 1'800'000);
    EXPECT_EQ(job["worked_ms"], 9'000'000);
    EXPECT_EQ(job["fold_version"], 2);
  }
};

TEST_F(LateRunTest, AnImportedRunHasTheTimesThatItHad) {
  Import();
  const Json job = State();
  ExpectThreeHours(job);
  EXPECT_EQ(job["stages"][0]["duration_ms"], 7'200'000);
  EXPECT_EQ(job["gates"][0]["waited_ms"], 1'800'000);
  // Nothing of it is old for the journal, which has it since now.
  EXPECT_GT(job["updated_at"].get<std::string>(), "2026");
  const Json listed = Json::parse(admin().Get("/api/v1/jobs?since=1h").body);
  ASSERT_EQ(listed["jobs"].size(), 1U);
  ExpectThreeHours(listed["jobs"][0]);
  ExpectThreeHours(Json::parse(Run({"state", runs_dir() + "/j"}).out));
}

TEST_F(LateRunTest, PicturesAndReplaysOfAnImportedRunShowItsTimes) {
  Import();
  EXPECT_THAT(
      Run({"show", "j"}).out,
      AllOf(HasSubstr("created 2025-11-21 10:00:00 UTC, ended 2025-11-21 13:00:00 after 3h00m"),
            HasSubstr("2h30m active, 30m00s waiting for approval")));
  const Json trace = Json::parse(Run({"export", "j", "--format", "chrome-trace"}).out);
  std::vector<std::string> slices;
  for (const Json& slice : trace["traceEvents"]) {
    if (slice["ph"] != "X") continue;
    slices.push_back(slice["name"].get<std::string>() + " " + slice["ts"].dump() + " " +
                     slice["dur"].dump());
  }
  EXPECT_THAT(slices, ElementsAre("train 1763719200000000 7200000000",
                                  "waiting: publish 1763726400000000 1800000000"));
  EXPECT_EQ(trace["traceEvents"].back()["ts"], kBegin + 10'800 * kSecond) << "the end's mark";
  const std::string told =
      Run({"replay", "j", "--speed", "max", "--from", "90m", "--to", "2025-11-21T12:30:00Z"}).out;
  EXPECT_THAT(told, AllOf(HasSubstr("2025-11-21 12:00:00.000  stage_completed"),
                          HasSubstr("2025-11-21 12:30:00.000  gate_approved"),
                          Not(HasSubstr("half way")), Not(HasSubstr("job_completed"))));
}

TEST_F(LateRunTest, WhatASpoolKeptDuringAnOutageHappenedThen) {
  Stop();
  std::filesystem::create_directories(SpoolOf("j"));
  std::ofstream spool(SpoolOf("j") + "/events.ndjson", std::ios::binary);
  const auto tell = [&](const char* type, int64_t seconds, const char* stage = "") {
    const cli::EventText text = {.type = type, .stage = stage};
    spool << cli::MakeSpoolEvent("j", text, kBegin + seconds * kSecond).line << "\n";
  };
  tell("job_created", 0);
  tell("job_started", 0);
  tell("stage_started", 600, "train");
  tell("stage_completed", 7'800, "train");
  tell("job_completed", 10'800);
  spool.close();
  StartDaemon();
  Run({"spool", "flush"});
  const Json job = State();
  EXPECT_EQ(job["duration_ms"], 10'800'000);
  EXPECT_EQ(job["worked_ms"], 10'800'000);
  EXPECT_EQ(job["stages"][0]["duration_ms"], 7'200'000);
  EXPECT_EQ(job["violations"], 0);
}

}  // namespace
}  // namespace stagelog
