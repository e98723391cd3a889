#include "core/identifier.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stagelog {
namespace {

const std::vector<std::string> kNames = {"a",   "Z",        "0",   "render-42",          "a.b_c-d",
                                         "a..", "stagelog", "CON", std::string(128, 'a')};

const std::vector<std::string> kNotNames = {"",
                                            ".",
                                            "..",
                                            "../a",
                                            ".hidden",
                                            "-rf",
                                            "_a",
                                            "/",
                                            "a/b",
                                            "a\\b",
                                            "a b",
                                            " a",
                                            "a ",
                                            "a\n",
                                            "a%2fb",
                                            "a:b",
                                            "a*",
                                            "\xc3\xa9t\xc3\xa9",
                                            "a\xc3\xa9",
                                            "a\xff",
                                            "\x7f",
                                            "a\x7f",
                                            std::string(129, 'a'),
                                            std::string("\0", 1),
                                            std::string("a\0b", 3),
                                            std::string("a\0", 2),
                                            "\xef\xbc\xa1"};

TEST(IsNameTest, TakesNames) {
  for (const std::string& text : kNames) EXPECT_TRUE(IsName(text)) << text;
}

TEST(IsNameTest, RefusesAllOthers) {
  for (const std::string& text : kNotNames) EXPECT_FALSE(IsName(text)) << text;
}

// [A-Za-z0-9] and then [A-Za-z0-9._-], byte by byte.
TEST(IsNameTest, DecidesByEveryByte) {
  const std::string first = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool leads = first.find(c) != std::string::npos;
    EXPECT_EQ(IsName(std::string(1, c)), leads) << byte;
    EXPECT_EQ(IsName(std::string("a") + c), leads || c == '.' || c == '_' || c == '-') << byte;
  }
}

TEST(IsJobIdTest, IsANameThatIsNotTheJournalsOwn) {
  for (const std::string& text : kNames) EXPECT_TRUE(IsJobId(text)) << text;
  for (const std::string& text : kNotNames) EXPECT_FALSE(IsJobId(text)) << text;
  EXPECT_FALSE(IsJobId("stagelog."));
  EXPECT_FALSE(IsJobId("stagelog.db"));
  EXPECT_FALSE(IsJobId("journal.json"));
  EXPECT_FALSE(IsJobId("journal.json.tmp"));
  EXPECT_TRUE(IsJobId("stagelogs.db"));
  EXPECT_TRUE(IsJobId("Stagelog-db"));
}

TEST(IsStagePathTest, IsNamesJoinedBySlashes) {
  for (const std::string& text : kNames) {
    EXPECT_TRUE(IsStagePath(text)) << text;
    EXPECT_TRUE(IsStagePath("train/" + text)) << text;
  }
  for (const std::string& text : kNotNames) {
    if (text == "a/b") continue;
    EXPECT_FALSE(IsStagePath(text)) << text;
    EXPECT_FALSE(IsStagePath("train/" + text)) << text;
    EXPECT_FALSE(IsStagePath(text + "/train")) << text;
  }
  EXPECT_TRUE(IsStagePath("train/epoch-3/validate"));
  EXPECT_FALSE(IsStagePath("train//epoch"));
  EXPECT_FALSE(IsStagePath("train/../etc"));
}

TEST(IsStagePathTest, HoldsAtMost512Bytes) {
  std::string path = std::string(127, 'a') + "/" + std::string(127, 'b') + "/" +
                     std::string(127, 'c') + "/" + std::string(128, 'd');
  ASSERT_EQ(path.size(), 512U);
  EXPECT_TRUE(IsStagePath(path));
  path = "a" + path;
  EXPECT_FALSE(IsStagePath(path));
}

TEST(IsEventIdTest, IsPrintableAscii) {
  EXPECT_TRUE(IsEventId("0192f0c1-0000-7000-8000-000000000000"));
  EXPECT_TRUE(IsEventId("any/thing?\"quoted\"\\~!"));
  EXPECT_TRUE(IsEventId(std::string(128, '~')));
  EXPECT_FALSE(IsEventId(""));
  EXPECT_FALSE(IsEventId(std::string(129, '~')));
  for (const char* text : {" ", "a b", "a\n", "\x7f", "\xc3\xa9"}) EXPECT_FALSE(IsEventId(text));
  EXPECT_FALSE(IsEventId(std::string("a\0", 2)));
}

}  // namespace
}  // namespace stagelog
