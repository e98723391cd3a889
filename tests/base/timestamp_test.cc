#include "base/timestamp.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace stagelog {
namespace {

constexpr int64_t kFirst = -62'167'219'200'000'000;
constexpr int64_t kLast = 253'402'300'799'999'999;

struct GoodTime {
  const char* text;
  int64_t micros;
};

class ParseGoodTimestampTest : public testing::TestWithParam<GoodTime> {};

TEST_P(ParseGoodTimestampTest, Parses) {
  EXPECT_EQ(ParseTimestamp(GetParam().text), GetParam().micros) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Times, ParseGoodTimestampTest,
    testing::Values(
        GoodTime{"1970-01-01T00:00:00Z", 0}, GoodTime{"1969-12-31T23:59:59.999999Z", -1},
        GoodTime{"2026-11-21T07:41:02.123456Z", 1'795'246'862'123'456},
        GoodTime{"2026-11-21t07:41:02.123456z", 1'795'246'862'123'456},
        GoodTime{"2026-11-21 07:41:02.123456Z", 1'795'246'862'123'456},
        // Offsets: to UTC they are taken away.
        GoodTime{"2026-11-21T09:41:02.123456+02:00", 1'795'246'862'123'456},
        GoodTime{"2026-11-20T23:11:02.123456-08:30", 1'795'246'862'123'456},
        GoodTime{"1970-01-01T00:00:00-00:00", 0}, GoodTime{"1970-01-01T23:59:00+23:59", 0},
        // Fractions of any length; what is beyond microseconds is cut off.
        GoodTime{"1970-01-01T00:00:00.1Z", 100'000}, GoodTime{"1970-01-01T00:00:00.000001Z", 1},
        GoodTime{"1970-01-01T00:00:00.0000019999999999999999999Z", 1},
        // Leap days.
        GoodTime{"2024-02-29T00:00:00Z", 1'709'164'800'000'000},
        GoodTime{"2000-02-29T00:00:00Z", 951'782'400'000'000},
        // All of a leap second counts as the last microsecond before it: times keep their order.
        GoodTime{"2016-12-31T23:59:60Z", 1'483'228'799'999'999},
        GoodTime{"2016-12-31T23:59:60.5Z", 1'483'228'799'999'999},
        GoodTime{"2017-01-01T05:29:60+05:30", 1'483'228'799'999'999},
        GoodTime{"1990-12-31T15:59:60-08:00", 662'687'999'999'999},
        GoodTime{"0000-01-01T00:00:00Z", kFirst}, GoodTime{"9999-12-31T23:59:59.999999Z", kLast}));

class ParseBadTimestampTest : public testing::TestWithParam<std::string> {};

TEST_P(ParseBadTimestampTest, HasNoValue) {
  EXPECT_EQ(ParseTimestamp(GetParam()), std::nullopt) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(
    Times, ParseBadTimestampTest,
    testing::Values("", " ", "2026", "2026-11-21", "2026-11-21T07:41:02",  // no zone
                    "2026-11-21T07:41Z", "2026-11-21T07:41:02.Z", "2026-11-21T07:41:02.123",
                    "2026-11-21T07:41:02,5Z", "2026-11-21T07:41:02Z ", " 2026-11-21T07:41:02Z",
                    "2026-11-21T07:41:02ZZ", "2026-11-21T07:41:02+0200", "2026-11-21T07:41:02+02",
                    "2026-11-21T07:41:02+24:00", "2026-11-21T07:41:02+02:60",
                    "2026-11-21T07:41:02 02:00", "2026-11-21T24:00:00Z", "2026-11-21T07:60:00Z",
                    "2026-11-21T07:41:60Z", "2026-11-21T07:59:60+05:30", "2026-11-21T07:41:61Z",
                    "2026-11-21T07:41:99Z", "2026-00-21T07:41:02Z", "2026-13-21T07:41:02Z",
                    "2026-11-00T07:41:02Z", "2026-11-31T07:41:02Z", "2026-02-29T00:00:00Z",
                    "1900-02-29T00:00:00Z", "-026-11-21T07:41:02Z", "+026-11-21T07:41:02Z",
                    "12026-11-21T07:41:02Z", "2026/11/21T07:41:02Z", "2026-11-21_07:41:02Z",
                    "2026-1x-21T07:41:02Z", "２026-11-21T07:41:02Z",
                    std::string("2026-11-21T07:41:02Z\0", 21),
                    // In UTC these are outside the years that have a spelling.
                    "0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"));

// --- What other programs write ---

struct Spelling {
  const char* text;
  int64_t micros;
  bool has_zone = true;
};

class ParseForeignTimeTest : public testing::TestWithParam<Spelling> {};

TEST_P(ParseForeignTimeTest, IsRead) {
  const auto time = ParseForeignTime(GetParam().text);
  ASSERT_TRUE(time) << GetParam().text;
  EXPECT_EQ(time->micros, GetParam().micros) << GetParam().text;
  EXPECT_EQ(time->has_zone, GetParam().has_zone) << GetParam().text;
}

constexpr int64_t kMidnight = 1'772'323'200'000'000;  // 2026-03-01T00:00:00Z
constexpr int64_t kMorning = 1'772'355'600'000'000;   // 2026-03-01T09:00:00Z

INSTANTIATE_TEST_SUITE_P(
    Times, ParseForeignTimeTest,
    testing::Values(
        Spelling{"2026-03-01T09:00:00Z", kMorning}, Spelling{"2026-03-01t09:00:00z", kMorning},
        Spelling{"2026-03-01T10:00:00+0100", kMorning},
        Spelling{"2026-03-01T10:00:00+01", kMorning},
        Spelling{"2026-03-01 10:00:00.5 +01:00", kMorning + 500'000},
        Spelling{"2026-03-01 09:00:00,123456789Z", kMorning + 123'456},
        Spelling{"2026-03-01 04:30:00.25-0430", kMorning + 250'000},
        Spelling{"2026-03-01 09:00:00 UTC", kMorning},
        Spelling{"2026-03-01 09:00:00 gmt", kMorning},
        Spelling{"2026-03-01 09:00:00.000001 +0000 UTC", kMorning + 1},
        Spelling{"2026-03-01 10:00:00.000001 +0100 CET", kMorning + 1},
        Spelling{"2026-03-01 10:00:00.000001 +0100 CET m=+0.000123", kMorning + 1},
        Spelling{"2026/03/01 09:00:00Z", kMorning}, Spelling{"2026-03-01T09:00Z", kMorning},
        Spelling{" 2026-03-01T09:00:00Z\r\n", kMorning},
        Spelling{"2026-03-01T09:00:00", kMorning, false},
        Spelling{"2026-03-01 09:00:00,250", kMorning + 250'000, false},
        Spelling{"2026/03/01 09:00:00", kMorning, false}, Spelling{"1772355600", kMorning},
        Spelling{"2026-03-01T10:00:00+01:00[Europe/Paris]", kMorning},
        Spelling{"2026-03-01T09:00:00Z[Europe/London]", kMorning},
        Spelling{"2026-03-01T09:00:00[UTC]", kMorning},
        // A date alone is its first moment.
        Spelling{"2026-03-01", kMidnight, false}, Spelling{"20260301", kMidnight, false},
        Spelling{"20260301.0", kMidnight, false},
        // The basic form of ISO 8601: no likely Unix time has so many digits.
        Spelling{"20260301T090000Z", kMorning}, Spelling{"20260301T0900Z", kMorning},
        Spelling{"20260301T100000,5+0100", kMorning + 500'000},
        Spelling{"20260301 090000", kMorning, false}, Spelling{"202603010900", kMorning, false},
        Spelling{"20260301090000", kMorning, false}, Spelling{"20260301090000Z", kMorning},
        Spelling{"20260301090000.25Z", kMorning + 250'000},
        Spelling{"20260301090000123", kMorning + 123'000, false},
        Spelling{"20260301090000123456", kMorning + 123'456, false},
        Spelling{"1772355600.5", kMorning + 500'000}));

TEST(ParseForeignTimeTest, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           " ",
                           "now",
                           "yesterday",
                           "2026-03",
                           "2026-03-01T10:00:00[Europe/Paris]",
                           "2026-03-01T10:00:00.5[America/New_York]",
                           "2026-03-01[Europe/Paris]",
                           "2026-02-30",
                           "20260230",
                           "18991231",
                           "20261301090000",
                           "20260301T09Z",
                           "20260301T09000Z",
                           "20260301.5",
                           "638355968000000000",
                           "133444736000000000",
                           "45244",
                           "2026-02-30T00:00:00Z",
                           "2026-03-01T25:00:00Z",
                           "2026-03-01T09:00:00+0160",
                           "2026-03-01T09:00:00+24",
                           "2026-03-01T09:00:00 CET",
                           "2026-03-01T09:00:00,Z",
                           "01/Mar/2026:09:00:00 +0000",
                           "2026-03-01T09:00:00Zebra"}) {
    EXPECT_FALSE(ParseForeignTime(text)) << text;
  }
}

TEST(ParseUnixTimeTest, TheUnitIsToldByTheSize) {
  EXPECT_EQ(ParseUnixTime("1764363600"), 1'764'363'600'000'000);
  EXPECT_EQ(ParseUnixTime("1764363600.123"), 1'764'363'600'123'000);
  EXPECT_EQ(ParseUnixTime("1764363600123"), 1'764'363'600'123'000);
  EXPECT_EQ(ParseUnixTime("1764363600123.5"), 1'764'363'600'123'500);
  EXPECT_EQ(ParseUnixTime("1764363600123456"), 1'764'363'600'123'456);
  EXPECT_EQ(ParseUnixTime("1764363600123456789"), 1'764'363'600'123'456)
      << "cut off, as in RFC 3339";
  EXPECT_EQ(ParseUnixTime("1764363600123456499"), 1'764'363'600'123'456);
  EXPECT_EQ(ParseUnixTime("1.7643636e9"), 1'764'363'600'000'000);
  EXPECT_EQ(ParseUnixTime("1.7643636001239999e9"), 1'764'363'600'123'999);
  // Each unit from 1990 (nanoseconds from 2000) to 2286.
  EXPECT_EQ(ParseUnixTime("100000000"), 100'000'000'000'000) << "seconds from 1973";
  EXPECT_EQ(ParseUnixTime("631152000"), 631'152'000'000'000);
  EXPECT_EQ(ParseUnixTime("9999999999"), 9'999'999'999'000'000);
  EXPECT_EQ(ParseUnixTime("631152000000"), 631'152'000'000'000);
  EXPECT_EQ(ParseUnixTime("9999999999999"), 9'999'999'999'999'000);
  EXPECT_EQ(ParseUnixTime("631152000000000"), 631'152'000'000'000);
  EXPECT_EQ(ParseUnixTime("9999999999999999"), 9'999'999'999'999'999);
  EXPECT_EQ(ParseUnixTime("946684800000000000"), 946'684'800'000'000);
  EXPECT_EQ(ParseUnixTime("00001764363600"), 1'764'363'600'000'000);
}

TEST(ParseUnixTimeTest, ZeroAndNegativeTimesAreTimes) {
  EXPECT_EQ(ParseUnixTime("0"), 0);
  EXPECT_EQ(ParseUnixTime("0.0000019"), 1);
  EXPECT_EQ(ParseUnixTime("-0.0000001"), -1) << "towards the past, as in RFC 3339";
  EXPECT_EQ(ParseUnixTime("9999.5"), 9'999'500'000) << "small numbers are seconds";
  EXPECT_EQ(ParseUnixTime("-1.5"), -1'500'000);
  EXPECT_EQ(ParseUnixTime("-1764363600123"), -1'764'363'600'123'000);
}

TEST(ParseUnixTimeTest, RefusesWhatIsNoNumberOrNoYearOfOurs) {
  for (const char* text : {"",
                           "-",
                           ".5",
                           "5.",
                           "1 2",
                           "0x10",
                           "nan",
                           "inf",
                           "-inf",
                           "1e300",
                           "-99999999999",
                           "123456789012345678901",
                           "1e",
                           "+5",
                           "1,5",
                           "1e+-5",
                           "10000",
                           "20231114",
                           "231114",
                           "99999999999",
                           "100000000000",
                           "20231114221320",
                           "20231114221320123",
                           "13344537600000000",
                           "638355968000000000",
                           "10000000000000000000"}) {
    EXPECT_FALSE(ParseUnixTime(text)) << text;
  }
}

TEST(UnlikelyTimeTextTest, NamesWhatANumberLooksLike) {
  const std::pair<const char*, const char*> numbers[] = {
      {"638355968000000000", ".NET ticks"},
      {"133444736000000000", "FILETIME"},
      {"13344537600000000", "WebKit"},
      {"45244", "spreadsheet"},
      {"45244.926", "spreadsheet"},
      {"2460263.5", "Julian day"},
      {"231114", "not a Unix time between 1990"},
      {"99999999999", "not a Unix time between 1990"},
      {"12345678901234567890123", "not a Unix"}};
  for (const auto& [number, what] : numbers) {
    EXPECT_NE(UnlikelyTimeText(number).find(what), std::string::npos)
        << number << ": " << UnlikelyTimeText(number);
  }
  for (const char* text : {"", "noon", "0", "-1.5", "1764363600", "2026-03-01"}) {
    EXPECT_EQ(UnlikelyTimeText(text), "") << text;
  }
}

TEST(FormatTimestampTest, WritesOneSpelling) {
  EXPECT_EQ(FormatTimestamp(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatTimestamp(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatTimestamp(1'795'246'862'123'456), "2026-11-21T07:41:02.123456Z");
  EXPECT_EQ(FormatTimestamp(1'709'251'199'000'001), "2024-02-29T23:59:59.000001Z");
}

TEST(FormatTimestampTest, ClampsToTheYearsThatHaveASpelling) {
  EXPECT_EQ(FormatTimestamp(kFirst), "0000-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatTimestamp(INT64_MIN), "0000-01-01T00:00:00.000000Z");
  EXPECT_EQ(FormatTimestamp(kLast), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatTimestamp(INT64_MAX), "9999-12-31T23:59:59.999999Z");
}

TEST(TimestampPropertyTest, WhatIsFormattedParsesBack) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<int64_t> any(kFirst, kLast);
  for (int i = 0; i < 100'000; ++i) {
    const int64_t micros = any(random);
    ASSERT_EQ(ParseTimestamp(FormatTimestamp(micros)), micros);
  }
}

TEST(TimestampPropertyTest, TheTextSortsAsTheTimesDo) {
  std::mt19937_64 random(2);
  std::uniform_int_distribution<int64_t> any(kFirst, kLast);
  for (int i = 0; i < 10'000; ++i) {
    const int64_t a = any(random);
    const int64_t b = i % 2 == 0 ? any(random) : a + 1;
    ASSERT_EQ(FormatTimestamp(a) < FormatTimestamp(b), a < b) << a << " " << b;
  }
}

// Any change of one byte is refused or is another time; nothing crashes.
TEST(TimestampPropertyTest, SurvivesAnyByteAnywhere) {
  const std::string good = "2026-11-21T07:41:02.123456+02:00";
  for (size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text = good;
      text[at] = static_cast<char>(byte);
      if (const auto micros = ParseTimestamp(text)) {
        EXPECT_EQ(ParseTimestamp(FormatTimestamp(*micros)), micros) << text;
      }
    }
    EXPECT_EQ(ParseTimestamp(good.substr(0, at)), std::nullopt) << at;
  }
}

}  // namespace
}  // namespace stagelog
