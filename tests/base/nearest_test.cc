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

TEST(NearestWordTest, TwoLettersThatWereSwappedAreOneEdit) {
  EXPECT_EQ(NearestWord("gaet", kWords), "gate");
  EXPECT_EQ(NearestWord("gtae", kWords), "gate");
}

TEST(NearestWordTest, WhatIsFarIsNotNamed) {
  for (const char* word : {"", "x", "zz", "author", "colour", "stake holder", "gxtx"}) {
    EXPECT_EQ(NearestWord(word, kWords), "") << word;
  }
  EXPECT_EQ(NearestWord("message" + std::string(1 << 20, 'x'), kWords), "");
}

TEST(NearestWordTest, LongWordsMayDifferByMore) {
  constexpr std::array<std::string_view, 1> kLong = {"timeout_seconds"};
  EXPECT_EQ(NearestWord("timeout_secs", kLong), "timeout_seconds");
  EXPECT_EQ(NearestWord("timout_secnds", kLong), "timeout_seconds");
  EXPECT_EQ(NearestWord("tiot_secnds", kLong), "");
}

TEST(NearestWordTest, TheBeginningOfAWordIsNear) {
  EXPECT_EQ(NearestWord("mes", kWords), "message");
  EXPECT_EQ(NearestWord("sta", kWords), "stage");
  EXPECT_EQ(NearestWord("me", kWords), "");
}

TEST(NearestWordTest, TheFirstOfEqualsWins) {
  constexpr std::array<std::string_view, 3> kEqual = {"abcd", "abce", "abcf"};
  EXPECT_EQ(NearestWord("abcx", kEqual), "abcd");
}

TEST(NearestWordTest, WithoutCandidatesItIsEmpty) { EXPECT_EQ(NearestWord("word", {}), ""); }

TEST(NearestWordTest, TakesAnyBytes) { EXPECT_EQ(NearestWord("g\xfft\0e", kWords), ""); }

TEST(DidYouMeanTest, NamesTheNearOneOrAll) {
  EXPECT_EQ(DidYouMean("stge", kWords), "; did you mean 'stage'?");
  EXPECT_EQ(DidYouMean("colour", kWords), "; expected one of: stage, gate, status, message");
  EXPECT_EQ(DidYouMean("colour", {}), "");
}

}  // namespace
}  // namespace stagelog
