// One event as one line: what it says, and that others' text cannot steer the terminal.
#include "cli/event_line.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>

#include "base/terminal_text.h"
#include "cli/foreign_text.h"
#include "client/json_member.h"
#include "tests/cli/plain_text.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

class EventLineTest : public ::testing::Test {
 protected:
  EventLineTest() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }

  // `members` come behind the time and the job.
  std::string Line(const std::string& members, cli::EventLineOptions options = {}) const {
    options.today = "2026-11-21";
    return cli::EventLine(
        cli::ObjectOf(R"({"ts":"2026-11-21T07:41:02.123456Z","job_id":"render-42",)" + members +
                      "}"),
        options, screen_);
  }
  std::string Colored(const std::string& members) const {
    return cli::EventLine(cli::ObjectOf("{" + members + "}"), {}, colors_);
  }

  cli::Screen screen_{-1, "never"};
  cli::Screen colors_{-1, "always"};
};

TEST_F(EventLineTest, SaysWhatHappened) {
  EXPECT_EQ(Line(R"("type":"stage_completed","stage":"encode","attempt":2,"message":"done",)"
                 R"("payload":{"fps":23.97,"deep":{}})"),
            "07:41:02.123  stage_completed  encode #2 done fps=23.97");
  EXPECT_EQ(Line(R"("type":"stage_progress","stage":"encode",)"
                 R"("payload":{"current":4500,"total":9000,"unit":"frames"})"),
            "07:41:02.123  stage_progress   encode 4500/9000 frames");
  EXPECT_EQ(Line(R"("type":"job_completed","violations":["job_over"])"),
            "07:41:02.123  job_completed    !job_over");
  EXPECT_EQ(Line(R"("type":"log","message":"oh","payload":{"stream":"stderr"})"),
            "07:41:02.123  log stderr       oh");
}

TEST_F(EventLineTest, SaysWhatAGateAsksAndWhoDecided) {
  EXPECT_EQ(Line(R"("type":"gate_pause","gate":"publish","payload":{"prompt":"Ship it?",)"
                 R"("options":["now","tonight"],"timeout_seconds":90,"on_timeout":"reject"})"),
            "07:41:02.123  gate_pause       publish Ship it? [now | tonight] (in 1m30s: reject)");
  EXPECT_EQ(Line(R"("type":"gate_approved","gate":"publish","actor":"alice",)"
                 R"("payload":{"choice":"now","comment":"looks good"})"),
            "07:41:02.123  gate_approved    publish by alice: now “looks good”");
}

TEST_F(EventLineTest, NamesTheJobWhereThereAreMany) {
  EXPECT_EQ(Line(R"("type":"job_started")", {.job_columns = 12}),
            "07:41:02.123  render-42     job_started");
  EXPECT_EQ(Line(R"("type":"job_started")", {.job_columns = 7}),
            "07:41:02.123  ren…-42  job_started");
}

TEST_F(EventLineTest, BearsTheDateOfAnotherDay) {
  EXPECT_EQ(cli::EventLine(cli::ObjectOf(R"({"ts":"2026-11-20T07:41:02Z","type":"job_started"})"),
                           {.today = "2026-11-21"}, screen_),
            "2026-11-20 07:41:02.000  job_started");
}

TEST_F(EventLineTest, IsCutToTheWidth) {
  const std::string line =
      Line(R"("type":"log","message":"日本語 and a long message")", {.columns = 40});
  EXPECT_EQ(DisplayWidth(line), 40U);
  EXPECT_THAT(line, EndsWith("…"));
}

TEST_F(EventLineTest, OthersTextCannotSteerTheTerminal) {
  const std::string hostile = R"(\u001b]0;title\u0007\u001b[2J\r\u009b31m\u202e\nnext\tcell)";
  for (const std::string type : {"log", "gate_pause", "gate_rejected", "stage_failed", "x-mine"}) {
    const std::string members =
        R"("type":")" + type + R"(","stage":")" + hostile + R"(","gate":")" + hostile +
        R"(","actor":")" + hostile + R"(","violations":[")" + hostile + R"("],"message":")" +
        hostile + R"(","payload":{"prompt":")" + hostile + R"(","options":[")" + hostile +
        R"("],")" + hostile + R"(":")" + hostile + R"(","comment":")" + hostile +
        R"(","choice":")" + hostile + R"("})";
    EXPECT_THAT(Line(members), IsHarmlessLine());
    EXPECT_THAT(WithoutColors(Colored(members)), IsHarmlessLine());
  }
}

TEST_F(EventLineTest, AProgramsColorsAreKeptWhereThereAreColors) {
  const std::string members =
      R"("type":"log","message":"a \u001b[1;31mred\u001b[0m b \u001b[8mhidden\u001b[?25l")";
  EXPECT_THAT(Colored(members), AllOf(HasSubstr("\033[1;31mred\033[0m"), HasSubstr("hidden"),
                                      Not(HasSubstr("\033[8m")), HasSubstr("\\u001b[?25l")));
  EXPECT_THAT(Line(members), EndsWith("a red b hidden\\u001b[?25l"));
}

TEST(OneLineTest, ATextOfManyLinesIsOneLine) {
  EXPECT_EQ(cli::OneLine("one\r\ntwo\n\tthree\n"), "one ↵ two ↵   three");
}

}  // namespace
}  // namespace stagelog
