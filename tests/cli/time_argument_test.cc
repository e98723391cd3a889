// Times as options take them, in a zone with summer time.
#include "cli/time_argument.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <ctime>

#include "base/timestamp.h"
#include "cli/time_text.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

int64_t Utc(const std::string& text) { return ParseTimestamp(text).value(); }

class TimeArgumentTest : public ::testing::Test {
 protected:
  TimeArgumentTest() { SetZone("CET-1CEST,M3.5.0,M10.5.0/3"); }
  ~TimeArgumentTest() override { SetZone("UTC"); }

  static void SetZone(const char* zone) {
    ::setenv("TZ", zone, 1);
    ::tzset();
  }

  // The moment as RFC 3339 in UTC; "-" for none.
  std::string First(const std::string& text) const {
    const auto moment = cli::ParseMoment(text, now_);
    return moment ? FormatTimestamp(moment->first_micros) : "-";
  }

  const int64_t now_ = Utc("2026-11-28T20:30:00Z");  // 21:30 here
};

TEST_F(TimeArgumentTest, WithoutAZoneItIsThisMachines) {
  EXPECT_EQ(First("2026-11-28 21:54:00"), "2026-11-28T20:54:00.000000Z");
  EXPECT_EQ(First("2026-11-28T21:54:00"), "2026-11-28T20:54:00.000000Z");
  EXPECT_EQ(First("2026-07-01 21:54:00.25"), "2026-07-01T19:54:00.250000Z");
  EXPECT_EQ(First("2026-11-28 21:54"), "2026-11-28T20:54:00.000000Z");
  EXPECT_EQ(First("2026-11-28"), "2026-11-27T23:00:00.000000Z");
}

TEST_F(TimeArgumentTest, TheBasicFormIsNoNumber) {
  EXPECT_EQ(First("20261128T205400Z"), "2026-11-28T20:54:00.000000Z");
  EXPECT_EQ(First("20261128215400"), "2026-11-28T20:54:00.000000Z");
  EXPECT_EQ(First("20261128"), "2026-11-27T23:00:00.000000Z");
  EXPECT_EQ(First("20261328"), "-");
  EXPECT_EQ(First("638355968000000000"), "-");
}

TEST_F(TimeArgumentTest, WithAZoneAsItIsPrinted) {
  EXPECT_EQ(First("2026-11-28 21:54:00 UTC"), "2026-11-28T21:54:00.000000Z");
  EXPECT_EQ(First("2026-11-28 21:54:00 +05:30"), "2026-11-28T16:24:00.000000Z");
  EXPECT_EQ(First("2026-11-28 21:54:00+0530"), "2026-11-28T16:24:00.000000Z");
  EXPECT_EQ(First("2026-11-28 21:54:00 -08"), "2026-11-29T05:54:00.000000Z");
  EXPECT_EQ(First("2026-11-28 21:54:00 CET"), "2026-11-28T20:54:00.000000Z");
  EXPECT_EQ(First("2026-11-28 21:54:00 CEST"), "-") << "there is no summer time then";
  EXPECT_EQ(First("2026-11-28T21:54:00Z"), "2026-11-28T21:54:00.000000Z");
  EXPECT_EQ(First("2026-11-28T21:54:00.123456+02:00"), "2026-11-28T19:54:00.123456Z");
  EXPECT_EQ(First("1795246862"), "2026-11-21T07:41:02.000000Z");
  EXPECT_EQ(First("1795246862123"), "2026-11-21T07:41:02.123000Z");
}

TEST_F(TimeArgumentTest, AClockIsTheLastTimeItSaidSo) {
  EXPECT_EQ(First("16:54"), "2026-11-28T15:54:00.000000Z");
  EXPECT_EQ(First("16:54:07"), "2026-11-28T15:54:07.000000Z");
  EXPECT_EQ(First("22:00"), "2026-11-27T21:00:00.000000Z") << "that of yesterday";
  EXPECT_EQ(First("20:29 UTC"), "2026-11-28T20:29:00.000000Z");
  EXPECT_EQ(First("20:31 UTC"), "2026-11-27T20:31:00.000000Z");
  EXPECT_EQ(First("9:05"), "2026-11-28T08:05:00.000000Z");
}

TEST_F(TimeArgumentTest, WhatAScreenCutsOffBelongsToIt) {
  const auto span = [&](const std::string& text) {
    const auto moment = cli::ParseMoment(text, now_).value();
    return moment.last_micros - moment.first_micros;
  };
  EXPECT_EQ(span("2026-11-28 20:54:00"), kSecond - 1);
  EXPECT_EQ(span("20:54:00.123"), 999);
  EXPECT_EQ(span("20:54:00.123456"), 0);
  EXPECT_EQ(span("20:54"), 60 * kSecond - 1);
  EXPECT_EQ(span("2026-11-28"), 86'400 * kSecond - 1);
  EXPECT_EQ(span("2026-10-25"), 90'000 * kSecond - 1) << "summer time ends";
  EXPECT_EQ(span("2026-10-31"), 86'400 * kSecond - 1) << "a month ends";
  EXPECT_EQ(span("2026-11-28T20:54:00Z"), 0);
}

TEST_F(TimeArgumentTest, WhatIsPrintedCanBeGivenBack) {
  for (const char* zone : {"UTC", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0545>-5:45", "<-03>3"}) {
    SetZone(zone);
    for (const char* time : {"2026-11-28T20:29:59.987654Z", "2026-07-01T00:00:00.000001Z"}) {
      const int64_t micros = Utc(time);
      const std::string text = cli::DayText(micros) + " " + cli::ShortClockText(micros);
      for (const std::string& printed : {text, text + " " + cli::ZoneText(micros),
                                         cli::DayText(micros) + " " + cli::ClockText(micros)}) {
        const auto moment = cli::ParseMoment(printed, now_);
        ASSERT_TRUE(moment) << printed;
        EXPECT_LE(moment->first_micros, micros) << printed;
        EXPECT_GE(moment->last_micros, micros) << printed;
      }
    }
  }
}

TEST_F(TimeArgumentTest, NothingElseIsATime) {
  for (const char* text : {"",
                           "yesterday",
                           "25:00",
                           "16:60",
                           "16",
                           "2026-02-30",
                           "2026-13-01 10:00:00",
                           "16:54 here",
                           "2026-11-28 ",
                           "2026-11-28 16",
                           "2026-11-28 16:54:",
                           "16:54:00.",
                           "2026-11-28x16:54",
                           "42",
                           "now",
                           "-16:54",
                           "0000-01-01",
                           "16:54 +1",
                           "16:54 +01:00x",
                           "1e9"}) {
    EXPECT_EQ(First(text), "-") << text;
  }
}

TEST_F(TimeArgumentTest, ParametersForTheDaemon) {
  EXPECT_EQ(*cli::SinceParameter("--since", "1h30m", now_), "1h30m");
  EXPECT_EQ(*cli::SinceParameter("--since", "all", now_), "all");
  EXPECT_EQ(*cli::SinceParameter("--since", "20:54:00", now_), "2026-11-28T19:54:00.000000Z");
  EXPECT_EQ(*cli::AtParameter("--at", "20:54:00", now_), "2026-11-28T19:54:00.999999Z");
  EXPECT_EQ(*cli::AtParameter("--at", "21:30:00", now_), "2026-11-28T20:30:00.000000Z")
      << "not beyond now";
  EXPECT_EQ(*cli::AtParameter("--at", "2026-11-27", now_), "2026-11-27T22:59:59.999999Z");
  EXPECT_EQ(*cli::AtParameter("--at", "2026-11-28", now_), "2026-11-28T20:30:00.000000Z");
  EXPECT_EQ(*cli::AtParameter("--at", "1w", now_), "1w");
  EXPECT_EQ(cli::AtParameter("--at", "2026-11-29", now_).error().message,
            "--at: 2026-11-29 is in the future");
  const auto bad = cli::AtParameter("--at", "yesterday", now_);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, cli::ExitCode::kUsage);
  EXPECT_THAT(bad.error().message, HasSubstr("--at: invalid time 'yesterday'; give a time ("));
  EXPECT_THAT(cli::SinceParameter("--since", "42", now_).error().message, HasSubstr("--after"));
}

TEST_F(TimeArgumentTest, Durations) {
  EXPECT_EQ(*cli::ParseSpan("--max-wait", "1.5"), 1'500'000);
  EXPECT_EQ(*cli::ParseWholeSeconds("--timeout", "1h30m", 1, 10'000), 5'400);
  EXPECT_EQ(*cli::ParseWholeSeconds("--timeout", "3600", 1, 10'000), 3'600);
  for (const char* text : {"0", "0.5", "500ms", "10001", "-1", "", "soon", "1h30", "nan", "inf"}) {
    const auto seconds = cli::ParseWholeSeconds("--timeout", text, 1, 10'000);
    ASSERT_FALSE(seconds) << text;
    EXPECT_THAT(seconds.error().message, HasSubstr("--timeout: ")) << text;
  }
}

}  // namespace
}  // namespace stagelog
