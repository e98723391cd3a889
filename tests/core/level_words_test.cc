#include "core/level_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/vocabulary.h"

namespace stagelog {
namespace {

TEST(LevelOfWordTest, OurOwnWordsAreThemselves) {
  for (const std::string_view level : AllLevels()) EXPECT_EQ(LevelOfWord(level), level);
}

TEST(LevelOfWordTest, KnowsTheWordsOfOthersInAnyCase) {
  const std::pair<const char*, const char*> words[] = {
      {"TRACE", "debug"},    {"Verbose", "debug"},    {"finest", "debug"},
      {"dbug", "debug"},     {"INFO", "info"},        {"Informational", "info"},
      {"NOTICE", "info"},    {"SUCCESS", "info"},     {"Warn", "warning"},
      {"WRN", "warning"},    {"WARNING ", "warning"}, {"ERR", "error"},
      {"severe", "error"},   {"FAILED", "error"},     {"FATAL", "critical"},
      {"emerg", "critical"}, {"Alert", "critical"},   {"PANIC", "critical"},
      {"T", "debug"},        {"D", "debug"},          {"V", "debug"},
      {"I", "info"},         {"N", "info"},           {"w", "warning"},
      {"E", "error"},        {"C", "critical"},       {"F", "critical"},
      {"A", "critical"},     {"PNC", "critical"},     {"Assert", "critical"},
      {"audit", "info"},     {"Detail", "debug"}};
  for (const auto& [word, level] : words) EXPECT_EQ(LevelOfWord(word), level) << word;
}

TEST(LevelOfWordTest, WhatStandsAroundAWordDoesNotCount) {
  const std::pair<const char*, const char*> words[] = {{"[warn]", "warning"},
                                                       {"info:", "info"},
                                                       {"<info>", "info"},
                                                       {"INFO[0000]", "info"},
                                                       {"**ERROR**", "error"},
                                                       {"Warn(30)", "warning"},
                                                       {"Critical(50)", "critical"},
                                                       {"\x1b[31mERROR\x1b[0m", "error"},
                                                       {"\x1b[1;33m[WARN]\x1b[0m ", "warning"},
                                                       {"( debug )", "debug"},
                                                       {"[E]", "error"},
                                                       {"\xf0\x9f\x94\xa5 error", "error"},
                                                       {"'notice'", "info"},
                                                       {"|FATAL|", "critical"},
                                                       {"[DEBUG2]", "debug"},
                                                       {"[INFO+4]", "warning"},
                                                       {"LogLevel.WARNING", "warning"},
                                                       {"LOG_ERR", "error"},
                                                       {"SEVERITY_NUMBER_ERROR", "error"}};
  for (const auto& [word, level] : words) EXPECT_EQ(LevelOfWord(word), level) << word;
  for (const char* word : {"[]", "[loud]", "(30)", "[0000]", "warn(x)", "war[n]", "<3>", "***",
                           "\x1b[31m", "\x1b[31", "error in x", "log_x"}) {
    EXPECT_EQ(LevelOfWord(word), "") << word;
  }
}

TEST(LevelOfWordTest, AWordThatSaysThatThereIsNone) {
  for (const char* word : {"off", "NOTSET", "unknown", "[UNKNOWN]", "None", "-", "Unspecified"}) {
    EXPECT_TRUE(IsNoLevelWord(word)) << word;
    EXPECT_EQ(LevelOfWord(word), "") << word;
  }
  for (const char* word : {"", "loud", "info", "[]", "offline"}) {
    EXPECT_FALSE(IsNoLevelWord(word)) << word;
  }
}

TEST(LevelOfWordTest, AWordWithADegree) {
  for (const char* word : {"DEBUG1", "debug5", "D2", "TRACE3"}) {
    EXPECT_EQ(LevelOfWord(word), "debug") << word;
  }
  EXPECT_EQ(LevelOfWord("WARN2"), "warning");
  EXPECT_EQ(LevelOfWord("FATAL4"), "critical");
  for (const char* word : {"DEBUG0", "DEBUG12", "E4", "OK2", "1"}) {
    EXPECT_EQ(LevelOfWord(word), "") << word;
  }
}

TEST(LevelOfWordTest, AWordWithADistance) {
  EXPECT_EQ(LevelOfWord("INFO+2"), "info");
  EXPECT_EQ(LevelOfWord("INFO+4"), "warning");
  EXPECT_EQ(LevelOfWord("DEBUG-4"), "debug");
  EXPECT_EQ(LevelOfWord("WARN+1"), "warning");
  EXPECT_EQ(LevelOfWord("ERROR+4"), "critical");
  for (const char* word :
       {"INFO+", "INFO+x", "+2", "nice+2", "INFO+2+2", "INFO+99999999999999999999"}) {
    EXPECT_EQ(LevelOfWord(word), "") << word;
  }
}

TEST(LevelOfWordTest, KnowsNoOtherWordAndNoNumber) {
  for (const std::string& word :
       {std::string(), std::string(" "), std::string("loud"), std::string("30"),
        std::string("wraning"), std::string(1'000, 'w'), std::string("warn\0", 5),
        std::string("\xff")}) {
    EXPECT_EQ(LevelOfWord(word), "") << word;
  }
}

std::string OnScale(const char* scale, double number) {
  const LevelScale* found = FindLevelScale(scale);
  return found == nullptr ? "no scale" : std::string(LevelOfNumber(*found, number));
}

TEST(LevelScaleTest, TheSameNumberMeansOtherThingsOnOtherScales) {
  EXPECT_EQ(OnScale("pino", 40), "warning");
  EXPECT_EQ(OnScale("python", 40), "error");
  EXPECT_EQ(OnScale("PYTHON", 50), "critical");
  EXPECT_EQ(OnScale("pino", 50), "error");
  EXPECT_EQ(OnScale("syslog", 4), "warning");
  EXPECT_EQ(OnScale("otel", 17), "error");
  EXPECT_EQ(OnScale("slog", 4), "warning");
  EXPECT_EQ(OnScale("unheard-of", 4), "no scale");
}

TEST(LevelScaleTest, SyslogFallsFromTheMostSevere) {
  const char* const levels[] = {"critical", "critical", "critical", "error",
                                "warning",  "info",     "info",     "debug"};
  for (int severity = 0; severity < 8; ++severity) {
    EXPECT_EQ(OnScale("syslog", severity), levels[severity]) << severity;
  }
  EXPECT_EQ(OnScale("syslog", 8), "");
  EXPECT_EQ(OnScale("syslog", -1), "");
}

TEST(LevelScaleTest, BetweenTwoStepsCountsTheLowerOne) {
  EXPECT_EQ(OnScale("python", 25), "info") << "loguru's SUCCESS";
  EXPECT_EQ(OnScale("python", 5), "debug");
  EXPECT_EQ(OnScale("pino", 35), "info");
  EXPECT_EQ(OnScale("pino", 5'000), "");
}

TEST(LevelScaleTest, EveryScaleReachesEveryLevelInOrder) {
  for (const std::string_view name : LevelScaleNames()) {
    const LevelScale& scale = *FindLevelScale(name);
    EXPECT_EQ(LevelOfNumber(scale, static_cast<double>(scale.warning)), "warning") << name;
    EXPECT_EQ(LevelOfNumber(scale, static_cast<double>(scale.error)), "error") << name;
    EXPECT_EQ(LevelOfNumber(scale, static_cast<double>(scale.falls ? scale.greatest : scale.least)),
              "debug")
        << name;
  }
}

}  // namespace
}  // namespace stagelog
