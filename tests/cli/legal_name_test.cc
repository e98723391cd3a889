// Names of others made legal.
#include "cli/send/legal_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "core/identifier.h"
#include "core/vocabulary.h"

namespace stagelog {
namespace {

using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST(LegalNameTest, WhatIsLegalStaysAsItIs) {
  for (const char* name : {"a", "encode", "epoch-3", "v1.2_3", "a--b", "A--0123456789abcdef"}) {
    EXPECT_EQ(cli::LegalName(name), name);
    EXPECT_EQ(cli::LegalJobId(name), name);
    EXPECT_EQ(cli::LegalStagePath(name), name);
    EXPECT_EQ(cli::LegalEventId(name), name);
  }
  EXPECT_EQ(cli::LegalStagePath("train/epoch-3"), "train/epoch-3");
  EXPECT_EQ(cli::LegalEventId("t.py::test[1]"), "t.py::test[1]");
}

TEST(LegalNameTest, WhatIsNotGetsAReadableNameAndADigest) {
  EXPECT_THAT(cli::LegalStagePath("ALIGN (sample_A 1)"),
              MatchesRegex("ALIGN-sample_A-1--[0-9a-f]{20}"));
  EXPECT_THAT(cli::LegalEventId("t.py::test[1 + 1]"),
              MatchesRegex("t.py::test\\[1-\\+-1\\]--.{32}"));
  EXPECT_THAT(cli::LegalName(".hidden"), StartsWith("hidden--"));
  EXPECT_THAT(cli::LegalName("\xc3\xa9"), StartsWith("x--"));
  EXPECT_THAT(cli::LegalJobId("stagelog.db"), StartsWith("x-stagelog.db--"));
  EXPECT_THAT(cli::LegalStagePath("unit tests/a b"), MatchesRegex("unit-tests--.{20}/a-b--.{20}"));
  EXPECT_THAT(cli::LegalStagePath("s3://bucket"), MatchesRegex("s3-bucket--.{20}"));
}

// Whoever spells a made name gets another one.
TEST(LegalNameTest, ANameThatLooksMadeIsNoOtherOnes) {
  const std::string made = cli::LegalName("a b");
  EXPECT_NE(cli::LegalName(made), made);
  EXPECT_NE(cli::LegalStagePath(made), cli::LegalStagePath("a b"));
  EXPECT_NE(cli::LegalJobId(made), cli::LegalJobId("a b"));
  EXPECT_NE(cli::LegalEventId(cli::LegalEventId("a b")), cli::LegalEventId("a b"));
}

TEST(LegalNameTest, TwoOriginalsNeverMeet) {
  std::mt19937_64 random(1);
  const std::string alphabet = "ab-._ /(";
  const auto word = [&](size_t length) {
    std::string text;
    for (size_t i = 0; i < length; ++i) text += alphabet[random() % alphabet.size()];
    return text;
  };
  std::map<std::string, std::string> stages;
  std::map<std::string, std::string> jobs;
  std::map<std::string, std::string> ids;
  for (int i = 0; i < 20'000; ++i) {
    // Short ones, and long ones that differ only where they are cut.
    const std::string original =
        i % 2 == 0 ? word(random() % 6) : std::string(200, 'x') + word(random() % 4);
    const std::string stage = cli::LegalStagePath(original);
    const std::string job = cli::LegalJobId(original);
    const std::string id = cli::LegalEventId(original);
    ASSERT_TRUE(IsStagePath(stage)) << original << " " << stage;
    ASSERT_TRUE(IsJobId(job)) << original << " " << job;
    ASSERT_TRUE(IsEventId(id)) << original << " " << id;
    ASSERT_EQ(stages.emplace(stage, original).first->second, original);
    ASSERT_EQ(jobs.emplace(job, original).first->second, original);
    ASSERT_EQ(ids.emplace(id, original).first->second, original);
  }
}

TEST(LegalNameTest, ALongPathBecomesOneName) {
  std::string path = "part";
  for (int i = 0; i < 200; ++i) path += "/part";
  EXPECT_THAT(cli::LegalStagePath(path), MatchesRegex("part-.*--[0-9a-f]{20}"));
  EXPECT_NE(cli::LegalStagePath(path), cli::LegalStagePath(path + "/x"));
}

TEST(LegalTypeNameTest, IsATypeOfTheUsersOwn) {
  EXPECT_EQ(cli::LegalTypeName("Epoch End!"), "x-epoch-end-");
  EXPECT_EQ(cli::LegalTypeName("process_started"), "x-process_started");
  EXPECT_EQ(cli::LegalTypeName(""), "");
  for (const std::string& name :
       {std::string(500, 'a'), std::string("\xc3\xa9"), std::string(" ")}) {
    EXPECT_NE(FindType(cli::LegalTypeName(name)), nullptr) << name;
  }
  EXPECT_NE(cli::LegalTypeName(std::string(500, 'a')), cli::LegalTypeName(std::string(501, 'a')));
}

}  // namespace
}  // namespace stagelog
