#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/job_machine.h"
#include "tests/core/job_story.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// --- Progress ---

TEST(ProgressTest, FiguresAreKeptAndPercentIsWorkedOut) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":3,"total":4,"unit":"GB"})"});
  const Progress& progress = story.stage("s").progress;
  EXPECT_EQ(progress.current, 3.0);
  EXPECT_EQ(progress.total, 4.0);
  EXPECT_EQ(progress.percent, 75.0);
  EXPECT_EQ(progress.unit, "GB");
  story.Tell("stage_progress", {.stage = "s", .payload = R"({"current":4})"});
  EXPECT_EQ(story.stage("s").progress.percent, 100.0) << "the total is known";
  EXPECT_EQ(story.stage("s").progress.unit, "GB");
}

TEST(ProgressTest, APercentThatIsSentWinsOverOneThatIsWorkedOut) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":3,"total":4,"percent":10})"});
  EXPECT_EQ(story.stage("s").progress.percent, 10.0);
}

TEST(ProgressTest, MayGoBackAndItsTotalMayChange) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":8,"total":10})"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":2})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, 20.0);
  story.Tell("stage_progress", {.stage = "s", .payload = R"({"total":1})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, 100.0) << "never more than all";
}

TEST(ProgressTest, ATotalOfNothingSaysNothing) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":0,"total":0})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, std::nullopt);
}

TEST(ProgressTest, AbsurdFiguresAreStoredAndFlagged) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":5,"total":10})"});
  const StageState before = story.stage("s");
  for (const char* payload :
       {R"({"current":-1})", R"({"current":-1e-300})", R"({"current":1e308,"total":1e308})",
        R"({"total":1e19})", R"({"percent":100.5})", R"({"percent":-0.5})", R"({"current":"7"})",
        R"({"unit":7})", R"({"current":1,"current":2})", R"({"percent":"50%"})",
        R"({"current":[7]})", R"({"current":true})", R"({"current":7,"total":6})",
        R"({"current":10.0000001})",
        R"({"current":6,"total":null,)"
        R"("percent":101})"}) {
    story.Tell("stage_progress", {.stage = "s", .message = "m", .payload = payload});
    EXPECT_THAT(story.violations(), ElementsAre("invalid_progress")) << payload;
    EXPECT_EQ(story.stage("s"), before) << payload;
  }
  story.Tell("stage_progress", {.stage = "s", .payload = R"({"current":11,"total":12})"});
  EXPECT_THAT(story.violations(), IsEmpty()) << "beyond the earlier total, within its own";
}

TEST(ProgressTest, AnEarlierAttemptsTotalDoesNotBindTheNextOne) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":5,"total":10})"})
      .Tell("stage_failed", {.stage = "s"})
      .Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":50})"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress.percent, std::nullopt);
}

TEST(ProgressTest, AKeyThatIsNearlyOneThatIsReadIsPointedOutAndTheRestCounts) {
  for (const char* payload :
       {R"({"current":6,"totl":9})", R"({"current":6,"Total":9})", R"({"curent":6})",
        R"({"total":9,"crurent":6})", R"({"units":"GB"})", R"({"percentage":5})",
        R"({"totals":{},"total":9,"curent":6})", R"({"pct":5,"total":9})", R"({"progress":50})",
        R"({"cur\u0065nt_":6})"}) {
    JobStory story = RunningJob();
    story.Tell("stage_started", {.stage = "s"})
        .Tell("stage_progress", {.stage = "s", .message = "m", .payload = payload});
    EXPECT_THAT(story.violations(), ElementsAre("suspect_key")) << payload;
    EXPECT_EQ(story.stage("s").message, "m") << payload;
  }
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":6,"totl":9})"});
  EXPECT_EQ(story.stage("s").progress.current, 6.0);
}

TEST(ProgressTest, KeysOfTheEmittersOwnAreWelcome) {
  for (const char* payload :
       {R"({"current":6,"total":9,"totals":{"bad":1}})", R"({"current":6,"progress":0.6})",
        R"({"loss":0.2,"epoch":3,"fps":23.97})", R"({"x-totl":9})", R"({"percent":5,"pct":5})",
        R"({"n":1})", R"({"tot":1})"}) {
    JobStory story = RunningJob();
    story.Tell("stage_started", {.stage = "s"})
        .Tell("stage_progress", {.stage = "s", .payload = payload});
    EXPECT_THAT(story.violations(), IsEmpty()) << payload;
  }
}

TEST(ProgressTest, WithoutAFigureItIsASignOfLife) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .message = "still at it"});
  EXPECT_THAT(story.violations(), IsEmpty());
  EXPECT_EQ(story.stage("s").progress, Progress());
  EXPECT_EQ(story.stage("s").message, "still at it");
}

TEST(ProgressTest, RatesCountFromTheFirstReportOfTheAttempt) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":5})"});
  const int64_t first = story.state().updated_at_micros;
  story.Wait(9).Tell("stage_progress", {.stage = "s", .payload = R"({"current":25})"});
  EXPECT_EQ(story.stage("s").progress.first_figure, 5.0);
  EXPECT_EQ(story.stage("s").progress.first_micros, first);
  EXPECT_EQ(story.stage("s").progress.last_micros, first + 10 * kSecond);
}

// Frames are not percent: what was reported in the one says nothing of the rate in the other.
TEST(ProgressTest, WhoChangesFromPercentToFiguresBeginsAnew) {
  JobStory story = RunningJob();
  story.Tell("stage_started", {.stage = "s"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"percent":50})"})
      .Tell("stage_progress", {.stage = "s", .payload = R"({"current":1000,"total":2000})"});
  EXPECT_EQ(story.stage("s").progress.first_figure, 1000.0);
  EXPECT_EQ(story.stage("s").progress.first_micros, story.state().updated_at_micros);
}

}  // namespace
}  // namespace stagelog
