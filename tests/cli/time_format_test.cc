// Times by a format.
#include "cli/send/time_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stagelog {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNow = 1'772'355'600'000'000;  // 2026-03-01T09:00:00Z

std::string Read(const std::string& format, const std::string& text) {
  const auto made = cli::TimeFormat::Make(format);
  if (!made) return made.error().message;
  const auto time = made->Parse(text, kNow);
  if (!time) return "no time";
  return FormatTimestamp(time->micros) + (time->has_zone ? "" : " assumed");
}

TEST(TimeFormatTest, ReadsWhatStrptimeReads) {
  EXPECT_EQ(Read("%d/%b/%Y:%H:%M:%S %z", "01/Mar/2026:10:00:00 +0100"),
            "2026-03-01T09:00:00.000000Z");
  EXPECT_EQ(Read("[%a %b %d %H:%M:%S %Y]", "[Sun Mar 01 09:00:00 2026]"),
            "2026-03-01T09:00:00.000000Z assumed");
  EXPECT_EQ(Read("%Y%m%dT%H%M%S%z", "20260301T090000Z"), "2026-03-01T09:00:00.000000Z");
  EXPECT_EQ(Read("%d.%m.%Y %I:%M %p", "01.03.2026 09:30 PM"),
            "2026-03-01T21:30:00.000000Z assumed");
}

TEST(TimeFormatTest, AFractionAndAZoneByName) {
  EXPECT_EQ(Read("%Y-%m-%d %H:%M:%S.%f %Z", "2026-03-01 09:00:00.25 UTC"),
            "2026-03-01T09:00:00.250000Z");
  EXPECT_EQ(Read("%d-%m-%Y %H:%M:%S,%f", "01-03-2026 09:00:00,123456789"),
            "2026-03-01T09:00:00.123456Z assumed");
  EXPECT_EQ(Read("%Y-%m-%d %Z", "2026-03-01 CET"), "no time") << "ambiguous";
}

TEST(TimeFormatTest, WithoutAYearItIsTheLastTwelveMonths) {
  EXPECT_EQ(Read("%b %d %H:%M:%S", "Feb 28 23:00:00"), "2026-02-28T23:00:00.000000Z assumed");
  EXPECT_EQ(Read("%b %d %H:%M:%S", "Mar  2 08:00:00"), "2026-03-02T08:00:00.000000Z assumed")
      << "clocks differ";
  EXPECT_EQ(Read("%b %d %H:%M:%S", "Dec 31 23:00:00"), "2025-12-31T23:00:00.000000Z assumed");
  EXPECT_EQ(Read("%b %d %H:%M:%S", "Feb 29 00:00:00"), "2024-02-29T00:00:00.000000Z assumed");
}

TEST(TimeFormatTest, WhatDoesNotFitIsNoTime) {
  for (const char* text : {"", "2026-03-01", "2026-02-30 00:00:00", "2026-03-01 09:00:00 and more",
                           "2026-03-01 25:00:00"}) {
    EXPECT_EQ(Read("%Y-%m-%d %H:%M:%S", text), "no time") << text;
  }
  EXPECT_EQ(Read("%Y-%m-%d %H:%M:%S.%f", "2026-03-01 09:00:00."), "no time");
}

TEST(TimeFormatTest, ALeapSecondEndsAnHour) {
  EXPECT_EQ(Read("%F %T.%f %z", "2016-12-31 23:59:60.5 +0000"), "2016-12-31T23:59:59.999999Z");
  EXPECT_EQ(Read("%F %T %z", "2017-01-01 05:29:60 +0530"), "2016-12-31T23:59:59.999999Z");
  EXPECT_EQ(Read("%F %T", "2026-03-01 09:00:60"), "no time");
  EXPECT_EQ(Read("%F %T", "2026-03-01 09:59:61"), "no time");
}

TEST(TimeFormatTest, UnixSeconds) {
  EXPECT_EQ(Read("%s", "1772355600"), "2026-03-01T09:00:00.000000Z");
  EXPECT_EQ(Read("[%s.%f]", "[1772355600.25]"), "2026-03-01T09:00:00.250000Z");
  EXPECT_EQ(Read("%s", "12345"), "1970-01-01T03:25:45.000000Z") << "as the format says";
  EXPECT_EQ(Read("%s", "noon"), "no time");
  EXPECT_EQ(Read("%s", "99999999999999"), "no time");
}

TEST(TimeFormatTest, AFormatThatCannotWorkIsNamed) {
  EXPECT_THAT(Read("%H:%M:%S", "09:00:00"), HasSubstr("has no day"));
  EXPECT_THAT(Read("yyyy-mm-dd", "2026-03-01"), HasSubstr("has no day"));
  EXPECT_THAT(Read("%d %H:%M", "20 09:00"), HasSubstr("'%d %H:%M' has a day without a month"));
  EXPECT_THAT(Read("%Y %d", "2026 20"), HasSubstr("a day without a month"));
  EXPECT_THAT(Read("%Y %s", "2026 1"), HasSubstr("%s beside parts of a date"));
}

}  // namespace
}  // namespace stagelog
