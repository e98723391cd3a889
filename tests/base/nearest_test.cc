#include "base/nearest.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"stage", "gate", "status", "message"};

TEST(NearestWordTest, FindsTheFewestEdits) {
  EXPECT_EQ(NearestWord("stage", kWords), "stage");
  EXPECT_EQ(NearestWord("stge", kWords), "stage");
  EXPECT_EQ(NearestWord("staage", kWords), "stage");
  EXPECT_EQ(NearestWord("statsu", kWords), "status");
  EXPECT_EQ(NearestWord("gates", kWords), "gate");
  EXPECT_EQ(NearestWord("massage", kWords), "message");
}

TEST(NearestWordTest, IgnoresCase) { EXPECT_EQ(NearestWord("STATUS", kWords), "status"); }

TEST(NearestWordTest, TheFirstOfEqualsWins) {
  constexpr std::array<std::string_view, 3> kEqual = {"ab", "ac", "ad"};
  EXPECT_EQ(NearestWord("ax", kEqual), "ab");
  EXPECT_EQ(NearestWord("", kEqual), "ab");
}

TEST(NearestWordTest, WithoutCandidatesItIsEmpty) { EXPECT_EQ(NearestWord("word", {}), ""); }

TEST(NearestWordTest, OnlyTheBeginningOfALongWordCounts) {
  const std::string word = "message" + std::string(1 << 20, 'x');
  EXPECT_EQ(NearestWord(word, kWords), "message");
}

TEST(NearestWordTest, TakesAnyBytes) { EXPECT_EQ(NearestWord("g\xff\xfft\0e", kWords), "gate"); }

}  // namespace
}  // namespace stagelog
