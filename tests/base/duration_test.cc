#include "base/duration.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/time_units.h"

namespace stagelog {
namespace {

TEST(ParseDurationTest, NumbersWithUnits) {
  EXPECT_EQ(ParseDuration("500ms"), kSecond / 2);
  EXPECT_EQ(ParseDuration("0s"), 0);
  EXPECT_EQ(ParseDuration("90s"), 90 * kSecond);
  EXPECT_EQ(ParseDuration("1.5h"), 5'400 * kSecond);
  EXPECT_EQ(ParseDuration("1h30m"), 5'400 * kSecond);
  EXPECT_EQ(ParseDuration("1w"), 604'800 * kSecond);
  EXPECT_EQ(ParseDuration("1w2d3h4m5s6ms"), 788'645 * kSecond + 6'000);
  // As they are printed.
  EXPECT_EQ(ParseDuration("4m05s"), 245 * kSecond);
  EXPECT_EQ(ParseDuration("5d03h"), 442'800 * kSecond);
  EXPECT_EQ(ParseDuration("3.2s"), 3'200'000);
}

TEST(ParseDurationTest, NothingElse) {
  for (const char* text :
       {"",          "10",          "1h30",  "m",      "10y", "30m1h", "1h1h", "1m2w",
        "-5m",       "1h-5m",       "10 m",  "1h 30m", "1hm", "nanm",  "infs", "1e3s",
        "99999999w", "3000w99999w", "1..5h", ".",      "+1h", "10M"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseDuration(std::string("10m\0", 4)), std::nullopt);
}

}  // namespace
}  // namespace stagelog
