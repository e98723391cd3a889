#include "base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace stagelog {
namespace {

TEST(RandomBitsTest, DoesNotRepeat) {
  std::set<uint64_t> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(RandomBits());
  EXPECT_EQ(seen.size(), 10'000U);
}

TEST(MakeUuidV7Test, HasTheFormOfRfc9562) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_THAT(MakeUuidV7(1'795'246'862'123'456),
                testing::MatchesRegex(
                    "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  }
}

// The example of RFC 9562, appendix A.6: 2022-02-22T19:22:22.000Z.
TEST(MakeUuidV7Test, BeginsWithTheMilliseconds) {
  EXPECT_EQ(MakeUuidV7(1'645'557'742'000'000).substr(0, 13), "017f22e2-79b0");
  EXPECT_EQ(MakeUuidV7(1'645'557'742'000'999).substr(0, 13), "017f22e2-79b0");
  EXPECT_EQ(MakeUuidV7(1'645'557'742'001'000).substr(0, 13), "017f22e2-79b1");
}

TEST(MakeUuidV7Test, LaterOnesSortLater) {
  std::string last;
  for (int64_t millis = 1'700'000'000'000; millis < 1'700'000'010'000; millis += 7) {
    std::string next = MakeUuidV7(millis * 1000);
    EXPECT_LT(last, next);
    last = std::move(next);
  }
}

TEST(MakeUuidV7Test, TellsItsMomentAgain) {
  for (int64_t micros = 1'795'246'862'123'000; micros < 1'795'246'862'125'000; ++micros) {
    EXPECT_EQ(MicrosOfUuidV7(MakeUuidV7(micros)), micros);
  }
}

TEST(MakeUuidV7Test, KnowsItsOwnOnly) {
  const std::string own = MakeUuidV7(1'795'246'862'123'456);
  for (const std::string& other :
       {std::string(), own.substr(1), own + "0", "X" + own.substr(1),
        std::string("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")}) {  // of RFC 9562, appendix A.6
    EXPECT_FALSE(MicrosOfUuidV7(other)) << other;
  }
  int taken_for_own = 0;
  for (size_t at = 0; at < own.size(); ++at) {
    std::string changed = own;
    changed[at] = changed[at] == '5' ? '6' : '5';
    if (changed != own && MicrosOfUuidV7(changed)) ++taken_for_own;
  }
  EXPECT_LE(taken_for_own, 1);
}

TEST(MakeForeignUuidV7Test, IsAUuidOfTheSameMomentAndNotTakenForAnOwnOne) {
  for (int64_t i = 0; i < 200'000; ++i) {
    const int64_t micros = 1'645'557'742'000'000 + i * 1'000'000;
    const std::string text = MakeForeignUuidV7(micros);
    ASSERT_FALSE(MicrosOfUuidV7(text)) << text;
    ASSERT_EQ(text.substr(0, 18), MakeUuidV7(micros).substr(0, 18));
    ASSERT_NE(std::string("89ab").find(text[19]), std::string::npos) << text;
  }
}

TEST(MakeUuidV7Test, OnesOfTheSameMomentDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(MakeUuidV7(0));
  EXPECT_EQ(seen.size(), 10'000U);
}

}  // namespace
}  // namespace stagelog
