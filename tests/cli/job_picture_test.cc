// A job drawn with characters: the very picture, and that nothing in it can spoil the terminal.
#include "cli/watch/job_picture.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>

#include "base/terminal_text.h"
#include "cli/watch/stage_rows.h"
#include "client/json_member.h"
#include "tests/cli/plain_text.h"

namespace stagelog {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

// Ten minutes of a training: a failed attempt, nested stages, a gate that waits.
constexpr const char* kTraining = R"({"job_id":"train-7","status":"paused",
  "reason":"gate publish is pending","pipeline":"training","epoch":2,
  "created_at":"2026-11-21T07:40:00Z","started_at":"2026-11-21T07:40:00Z",
  "updated_at":"2026-11-21T07:50:00Z","duration_ms":600000,"waited_ms":60000,"stopped_ms":0,
  "worked_ms":540000,"progress":{"percent":58.3333},"events":38,"violations":1,
  "stages":[
    {"stage":"fetch","attempt":1,"status":"failed","started_at":"2026-11-21T07:40:00Z",
     "ended_at":"2026-11-21T07:41:00Z","duration_ms":60000,"message":"connection reset"},
    {"stage":"fetch","attempt":2,"status":"completed","started_at":"2026-11-21T07:41:00Z",
     "ended_at":"2026-11-21T07:43:00Z","duration_ms":120000,"message":"fetched 40 shards",
     "progress":{"current":40,"total":40,"percent":100,"unit":"shards"}},
    {"stage":"train/epoch-1","attempt":1,"status":"abandoned",
     "started_at":"2026-11-21T07:43:00Z","ended_at":"2026-11-21T07:46:00Z","duration_ms":180000},
    {"stage":"train/epoch-2","attempt":1,"status":"running","started_at":"2026-11-21T07:46:00Z",
     "duration_ms":240000,"message":"loss 0.2",
     "progress":{"current":300,"total":400,"percent":75,"unit":"steps","seconds_left":80.2}}],
  "gates":[
    {"gate":"budget","iteration":1,"status":"approved","prompt":"Spend it?",
     "opened_at":"2026-11-21T07:42:00Z","decided_at":"2026-11-21T07:42:30Z","decided_by":"alice",
     "choice":"half","comment":"go on","via":"api"},
    {"gate":"publish","iteration":1,"status":"pending","prompt":"Ship it?",
     "options":["now","tonight"],"approvers":["alice","bob"],
     "opened_at":"2026-11-21T07:49:00Z","timeout_seconds":3600,"on_timeout":"reject",
     "expires_at":"2026-11-21T08:49:00Z"}],
  "first_seq":1,"as_of_seq":38,"last_hash":"c4ef0fcf5bde000fbba9","liveness":"late"})";

class JobPictureTest : public ::testing::Test {
 protected:
  JobPictureTest() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }

  // On the day of the job, unless `options` say another.
  static std::vector<std::string> Draw(const std::string& job, cli::PictureOptions options,
                                       const std::string& color = "never") {
    if (options.today.empty()) options.today = "2026-11-21";
    return cli::JobPicture(cli::ObjectOf(job), options, cli::Screen(-1, color));
  }
};

// Rows as a text that begins with a newline.
std::string Joined(const std::vector<std::string>& rows) {
  std::string text;
  for (const std::string& row : rows) text += "\n" + row;
  return text;
}

TEST_F(JobPictureTest, AtEightyColumns) {
  EXPECT_EQ(Joined(Draw(kTraining, {.columns = 80})), R"(
train-7  paused  58 %  pipeline training
gate publish is pending
created 2026-11-21 07:40:00 UTC, for 10m00s
9m00s active, 1m00s waiting for approval
38 events, 1 violation, epoch 2, worker late, last hash c4ef0fcf5bde

              07:40:00 ───────────────────── 07:50:00
fetch         ████                                     ✗  1m00s
              connection reset
fetch #2         █████████                             ✓  2m00s
train
  epoch-1                ▒▒▒▒▒▒▒▒▒▒▒▒▒                 ○  3m00s
  epoch-2                            ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓  ▶  4m00s  75 % 1m20s left
gate budget          ███                               ✓  30.0s
    Spend it?
    approved by alice (api) at 07:42:30: half “go on”
gate publish                                     ░░░░  ?  1m00s
    Ship it?
    waiting for alice, bob since 07:49:00; now | tonight; reject at 08:49:00)");
}

TEST_F(JobPictureTest, AtTwoHundredColumns) {
  EXPECT_EQ(Joined(Draw(kTraining, {.columns = 200})), R"(
train-7  paused  58 %  pipeline training
gate publish is pending
created 2026-11-21 07:40:00 UTC, for 10m00s
9m00s active, 1m00s waiting for approval
38 events, 1 violation, epoch 2, worker late, last hash c4ef0fcf5bde

              07:40:00 ──────────────────────────────────────────────────────────────────────────────────────────────── 07:50:00
fetch         ████████████                                                                                                        ✗  1m00s  connection reset
fetch #2                 ████████████████████████                                                                                 ✓  2m00s  40/40 shards  fetched 40 shards
train
  epoch-1                                       ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒                                               ○  3m00s
  epoch-2                                                                         ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓  ▶  4m00s  75 % 1m20s left  300/400 steps  loss 0.2
gate budget                         ███████                                                                                       ✓  30.0s
    Spend it?
    approved by alice (api) at 07:42:30: half “go on”
gate publish                                                                                                        ░░░░░░░░░░░░  ?  1m00s
    Ship it?
    waiting for alice, bob since 07:49:00; now | tonight; reject at 08:49:00)");
}

TEST_F(JobPictureTest, TimesOfAnotherDayBearTheirDate) {
  const auto wide = Draw(kTraining, {.columns = 120, .today = "2026-11-22"});
  EXPECT_THAT(wide, Contains(HasSubstr(" 2026-11-21 07:40:00 \u2500")));
  EXPECT_THAT(wide, Contains(HasSubstr("\u2500 2026-11-21 07:50:00")));
  EXPECT_THAT(wide, Contains(HasSubstr("by alice (api) at 2026-11-21 07:42:30: half")));
  EXPECT_THAT(wide, Contains(HasSubstr("since 2026-11-21 07:49:00; now | tonight; reject at "
                                       "2026-11-21 08:49:00")));
  // With less room the day that both ends share is said once, then not at all.
  const auto narrow = Draw(kTraining, {.columns = 80, .today = "2026-11-22"});
  EXPECT_THAT(narrow, Contains(MatchesRegex(" +2026-11-21 07:40:00 .* 07:50:00")));
  const auto slim = Draw(kTraining, {.columns = 40, .today = "2026-11-22"});
  EXPECT_THAT(slim, Contains(MatchesRegex(" +[^0-9 ]+")));
}

TEST_F(JobPictureTest, TheZoneIsSaidOnce) {
  ::setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
  ::tzset();
  EXPECT_EQ(Draw(kTraining, {.columns = 80})[2], "created 2026-11-21 08:40:00 +01:00, for 10m00s");
}

TEST_F(JobPictureTest, ColorsChangeNothingElse) {
  for (const size_t columns : {80, 200}) {
    const auto plain = Draw(kTraining, {.columns = columns});
    const auto colored = Draw(kTraining, {.columns = columns}, "always");
    ASSERT_EQ(colored.size(), plain.size());
    for (size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(WithoutColors(colored[i]), plain[i]);
    EXPECT_THAT(colored[0], HasSubstr("\033[33mpaused\033[0m"));
    EXPECT_THAT(colored[7], HasSubstr("\033[31m✗\033[0m"));
  }
}

TEST_F(JobPictureTest, NoRowIsWiderThanTheTerminal) {
  for (size_t columns = 40; columns < 220; ++columns) {
    for (const std::string& row : Draw(kTraining, {.columns = columns})) {
      EXPECT_LE(DisplayWidth(row), columns) << row;
    }
  }
}

TEST_F(JobPictureTest, WhatIsNotOverGoesOnUntilNow) {
  const int64_t now_micros = 1'795'247'640'000'000;  // 2026-11-21T07:54:00Z
  const auto rows = Draw(kTraining, {.columns = 80, .now_micros = now_micros});
  EXPECT_EQ(rows[2], "created 2026-11-21 07:40:00 UTC, for 14m00s");
  EXPECT_EQ(rows[3], "9m00s active, 5m00s waiting for approval");
}

// The journal heard of it years later.
TEST_F(JobPictureTest, ARunThatIsOfThePastRunsToItsOwnLatestTime) {
  cli::Json job = cli::ObjectOf(kTraining);
  job["updated_at"] = "2031-01-01T00:00:00Z";
  const auto rows = Draw(job.dump(), {.columns = 80, .is_past = true});
  EXPECT_EQ(rows[2], "created 2026-11-21 07:40:00 UTC, for 10m00s");
  EXPECT_EQ(rows[3], "9m00s active, 1m00s waiting for approval");
  EXPECT_EQ(rows[5], "as it was after seq 38, 2031-01-01 00:00:00");
}

TEST_F(JobPictureTest, AnEarlierMomentSaysWhichOne) {
  EXPECT_EQ(Draw(kTraining, {.columns = 80, .is_past = true})[5],
            "as it was after seq 38, 2026-11-21 07:50:00");
}

TEST_F(JobPictureTest, OfThousandsOfStagesTheImportantOnesAreDrawn) {
  cli::Json job = cli::ObjectOf(kTraining);
  job["gates"] = cli::Json::array();
  cli::Json stages = cli::Json::array();
  for (int i = 0; i < 5'000; ++i) {
    const char* status = i == 7 ? "running" : i == 9 ? "failed" : "completed";
    stages.push_back({{"stage", "all/part-" + std::to_string(i)},
                      {"attempt", 1},
                      {"status", status},
                      {"started_at", "2026-11-21T07:41:00Z"}});
  }
  job["stages"] = stages;
  const auto rows = Draw(job.dump(), {.columns = 80, .max_stages = 4});
  ASSERT_THAT(rows, SizeIs(7 + 5 + 1));
  EXPECT_THAT(rows[7], HasSubstr("all"));
  EXPECT_THAT(rows[8], HasSubstr("part-7 "));
  EXPECT_THAT(rows[9], HasSubstr("part-9 "));
  EXPECT_THAT(rows[11], HasSubstr("part-4999"));
  EXPECT_EQ(rows[12], "… and 4996 more stages; --all shows them");
  EXPECT_THAT(Draw(job.dump(), {.columns = 80, .max_stages = SIZE_MAX}), SizeIs(7 + 5'001));
}

TEST_F(JobPictureTest, ADocumentOfSomebodyElseDoesNoHarm) {
  const std::string hostile = R"(\u001b]0;title\u0007\u001b[2J\r\n\u009b31m\u202e)";
  cli::Json job = cli::ObjectOf(kTraining);
  const std::string text = cli::ObjectOf(R"({"text":")" + hostile + R"("})")["text"];
  for (const char* key : {"job_id", "reason", "pipeline", "status", "liveness", "last_hash"}) {
    job[key] = text;
  }
  for (cli::Json& stage : job["stages"]) stage["stage"] = stage["message"] = text;
  for (cli::Json& gate : job["gates"]) {
    for (const char* key : {"gate", "prompt", "status", "decided_by", "comment", "via"}) {
      gate[key] = text;
    }
    gate["approvers"] = gate["options"] = cli::Json::array({text});
  }
  EXPECT_THAT(Draw(job.dump(), {.columns = 80}), Each(IsHarmlessLine()));
  for (const std::string& row : Draw(job.dump(), {.columns = 200}, "always")) {
    EXPECT_THAT(WithoutColors(row), IsHarmlessLine());
  }
  EXPECT_THAT(Draw(R"({"stages":[1,{}],"gates":{"a":[]},"progress":7})", {}), Not(SizeIs(0)));
}

TEST(StageRowsTest, StagesStandBelowThosesWhosePathTheyContinue) {
  const cli::Json stages = cli::Json::parse(R"([{"stage":"a/x/deep"},{"stage":"b"},{"stage":"a"},
    {"stage":"a/x"},{"stage":"a","attempt":2}])");
  std::vector<std::string> names;
  for (const cli::StageRow& row : cli::OrderStages(stages)) {
    names.push_back(std::string(row.depth, '.') + row.name);
  }
  EXPECT_THAT(names, ElementsAre("a", "a #2", ".x", "..deep", "b"));
}

}  // namespace
}  // namespace stagelog
