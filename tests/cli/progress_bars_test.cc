// Bars of running stages: when one comes, what it says, when it goes.
#include "cli/watch/progress_bars.h"

#include <gmock/gmock.h>

#include "base/terminal_text.h"
#include "client/json_member.h"
#include "tests/cli/plain_text.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ProgressBarsTest : public ::testing::Test {
 protected:
  // True when the event is shown by the bars.
  bool Take(const std::string& type, const std::string& stage, const std::string& more = "") {
    second_ = (second_ + 1) % 60;
    const std::string second = (second_ < 10 ? "0" : "") + std::to_string(second_);
    return bars_.Take(cli::ObjectOf(R"({"job_id":"job","ts":"2026-11-21T07:41:)" + second +
                                    R"(Z","type":")" + type + R"(","stage":")" + stage + "\"" +
                                    more + "}"));
  }
  bool Report(const std::string& stage, const std::string& payload) {
    return Take("stage_progress", stage, R"(,"payload":)" + payload);
  }
  std::vector<std::string> Rows(size_t columns = 60) const {
    return bars_.Rows(columns, false, cli::Screen(-1, "never"));
  }

  cli::ProgressBars bars_;
  int second_ = 0;
};

TEST_F(ProgressBarsTest, ABarSaysHowFarAStageIsAndWhatIsLeft) {
  EXPECT_FALSE(Take("stage_started", "encode"));
  EXPECT_THAT(Rows(), IsEmpty());
  EXPECT_TRUE(Report("encode", R"({"current":25,"total":100,"unit":"frames"})"));
  EXPECT_TRUE(Report("encode", R"({"current":50,"total":100,"unit":"frames"})"));
  EXPECT_THAT(Rows(), ElementsAre("encode  ███████░░░░░░░░  50 %  50/100 frames  2.0s left"));
}

TEST_F(ProgressBarsTest, WhatIsLeftFollowsTheTimesOfTheRun) {
  Take("stage_progress", "s", R"(,"occurred_at":"2026-11-21T04:00:00Z","payload":{"percent":20})");
  Take("stage_progress", "s", R"(,"occurred_at":"2026-11-21T05:00:00Z","payload":{"percent":60})");
  EXPECT_THAT(Rows(), ElementsAre(HasSubstr("60 %  1h00m left")));
}

TEST_F(ProgressBarsTest, ABarGoesWithItsStageAndWithItsJob) {
  Report("a", R"({"percent":10})");
  Report("b", R"({"percent":20})");
  Take("stage_completed", "a");
  EXPECT_THAT(Rows(), ElementsAre("b  ███░░░░░░░░░░░░  20 %"));
  Take("job_failed", "");
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(ProgressBarsTest, WhatChangesNoStateChangesNoBar) {
  EXPECT_FALSE(
      Take("stage_progress", "a", R"(,"payload":{"percent":10},"violations":["stage_over"])"));
  EXPECT_FALSE(Report("a", R"({"percent":101})"));
  EXPECT_FALSE(Report("a", R"({"current":3})"));
  EXPECT_THAT(Rows(), IsEmpty());
}

TEST_F(ProgressBarsTest, OfManyTheLatestAreShown) {
  for (int i = 1; i <= 20; ++i) Report("stage-" + std::to_string(i), R"({"percent":10})");
  const auto rows = Rows();
  ASSERT_THAT(rows, SizeIs(cli::ProgressBars::kMaxRows));
  EXPECT_THAT(rows.front(), HasSubstr("stage-16"));
  EXPECT_EQ(rows.back(), "and 15 more stages");
}

TEST_F(ProgressBarsTest, NoRowIsWiderThanTheTerminalAndNoneSteersIt) {
  Report(R"(\u001b[2Jstage\u009b31m)", R"({"current":1,"total":3,"unit":"\u001b]0;x\u0007"})");
  for (size_t columns = 1; columns < 150; ++columns) {
    for (const std::string& row : Rows(columns)) {
      EXPECT_LE(DisplayWidth(row), columns);
      EXPECT_THAT(row, IsHarmlessLine());
    }
  }
}

}  // namespace
}  // namespace stagelog
