#include "core/json_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace stagelog {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(AppendJsonStringTest, EscapesOnlyWhatMustBe) {
  EXPECT_EQ(Quoted(""), "\"\"");
  EXPECT_EQ(Quoted("plain / text"), "\"plain / text\"");
  EXPECT_EQ(Quoted("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"");
  EXPECT_EQ(Quoted(std::string("\0\x01\x1f", 3)), "\"\\u0000\\u0001\\u001f\"");
  EXPECT_EQ(Quoted("\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80"),
            "\"\x7f\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\"");
}

TEST(AppendJsonStringTest, AppendsToWhatIsThere) {
  std::string out = "x:";
  AppendJsonString(out, "a\nb");
  AppendJsonEscaped(out, "\"c");
  EXPECT_EQ(out, "x:\"a\\nb\"\\\"c");
}

TEST(AppendJsonStringTest, ReadsBackAsItWas) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 2'000; ++i) {
    std::string text;
    for (uint64_t left = random() % 40; left > 0; --left) {
      text += static_cast<char>(random() % 128);
      if (random() % 8 == 0) text += "\xc3\xa9";
    }
    ASSERT_EQ(nlohmann::json::parse(Quoted(text)).get<std::string>(), text);
  }
}

TEST(CompactJsonTest, TakesWhiteSpaceBetweenTokensOnly) {
  EXPECT_EQ(CompactJson(" { \"a b\" :\t[ 1 , 2 ] ,\r\n\"c\" : \" x  y \" } "),
            "{\"a b\":[1,2],\"c\":\" x  y \"}");
  EXPECT_EQ(CompactJson(R"({ "a\" : [ 1 " : " \\" , "b" : " { } " })"),
            R"({"a\" : [ 1 ":" \\","b":" { } "})");
}

TEST(CompactJsonTest, KeepsTheSpellingOfNumbersAndTheOrderOfKeys) {
  const std::string text = R"({"z":1.50,"a":1E5,"m":-0,"n":12345678901234567890123,"z":1})";
  EXPECT_EQ(CompactJson(text), text);
}

TEST(JsonValueEndTest, FindsTheEndOfEachKind) {
  const auto first_element = [](const std::string& array) {
    return array.substr(1, JsonValueEnd(array, 1) - 1);
  };
  EXPECT_EQ(first_element("[1.5e3,2]"), "1.5e3");
  EXPECT_EQ(first_element("[true]"), "true");
  EXPECT_EQ(first_element(R"(["a,]}\"",2])"), R"("a,]}\"")");
  EXPECT_EQ(first_element(R"([{"a":[1,{"b":"}"}]},2])"), R"({"a":[1,{"b":"}"}]})");
  EXPECT_EQ(first_element("[[[],[]],2]"), "[[],[]]");
}

std::vector<std::pair<std::string, std::string>> Members(std::string_view object) {
  std::vector<std::pair<std::string, std::string>> members;
  for (JsonMembers walk(object); walk.Next();) members.emplace_back(walk.key(), walk.value());
  return members;
}

TEST(JsonMembersTest, WalksInOrder) {
  using Expected = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(Members("{}"), Expected());
  EXPECT_EQ(Members(R"({"a":1})"), (Expected{{"a", "1"}}));
  EXPECT_EQ(
      Members(R"({"b":"x,y","a":{"c":[1,2]},"d":[],"e":null,"":-1e9})"),
      (Expected{
          {"b", R"("x,y")"}, {"a", R"({"c":[1,2]})"}, {"d", "[]"}, {"e", "null"}, {"", "-1e9"}}));
  EXPECT_EQ(Members(R"({"a\"b":"\\"})"), (Expected{{R"(a\"b)", R"("\\")"}}));
}

// What is damaged gives some members or none, and no access outside the text (run under ASan).
TEST(JsonMembersTest, SurvivesDamagedText) {
  const std::string good = R"({"seq":1,"job_id":"a\"b","payload":{"x":[1,{"y":"z"}]},"hash":"00"})";
  for (size_t size = 0; size <= good.size(); ++size) {
    const std::vector<char> exact(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    Members(std::string_view(exact.data(), exact.size()));
  }
  for (const char* text : {"", "{", "}", "{\"", "{\"\"", "{\"a\"", "{\"a\":", "{\"a\":}", "[1]",
                           "{\"a\":1,", "{\"a\\", "\"", "{\"a\":\"\\"}) {
    Members(std::string(text));
  }
}

TEST(QuotableTextTest, CutsBetweenCharactersAndReplacesWhatIsNotUtf8) {
  EXPECT_EQ(QuotableText("plain", 80), "plain");
  EXPECT_EQ(QuotableText("plain", 3), "pla");
  EXPECT_EQ(QuotableText("\xc3\xa9\xc3\xa9", 3), "\xc3\xa9");
  EXPECT_EQ(QuotableText("a\xf0\x9f\x98\x80", 4), "a");
  EXPECT_EQ(QuotableText("a\xf0\x9f\x98\x80", 5), "a\xf0\x9f\x98\x80");
  EXPECT_EQ(QuotableText("a\xff\xc3", 80), "a??");
  EXPECT_EQ(QuotableText("\xc0\xaf", 80), "??");            // overlong
  EXPECT_EQ(QuotableText("\xed\xa0\x80", 80), "???");       // a surrogate
  EXPECT_EQ(QuotableText("\xf4\x90\x80\x80", 80), "????");  // beyond U+10FFFF
  EXPECT_EQ(QuotableText("\xe2\x82", 80), "??");            // torn
  EXPECT_EQ(QuotableText(std::string(1000, '\xe9'), 80), std::string(80, '?'));
}

// Whatever came in, nlohmann_json takes it for UTF-8.
TEST(QuotableTextTest, IsAlwaysUtf8) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes;
    for (uint64_t left = random() % 12; left > 0; --left) {
      bytes += static_cast<char>(random() % 2 == 0 ? 0x80 + random() % 128 : 0x20 + random() % 95);
    }
    ASSERT_NO_THROW(nlohmann::json(QuotableText(bytes, 8)).dump());
  }
}

}  // namespace
}  // namespace stagelog
