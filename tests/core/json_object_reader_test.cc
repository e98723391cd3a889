#include "core/json_object_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace stagelog {
namespace {

using Kind = JsonMember::Kind;
using testing::HasSubstr;

std::string CodeOf(const std::string& json, int max_depth = 128) {
  const auto members = ReadJsonObject(json, max_depth);
  return members ? "ok" : members.error().code;
}

TEST(ReadJsonObjectTest, ReadsEachKind) {
  const auto members = ReadJsonObject(
      R"( { "n" : null, "b":true, "i": -5 , "f":1.50, "t":"a\u00e9\n", "o" : { "x" : [ ] }, "a":[1, 2] } )",
      128);
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 7U);
  const auto& m = *members;
  EXPECT_EQ(m[0].kind, Kind::kNull);
  EXPECT_EQ(m[1].kind, Kind::kBoolean);
  EXPECT_EQ(m[1].raw, "true");
  EXPECT_EQ(m[2].kind, Kind::kInteger);
  EXPECT_EQ(m[2].integer, -5);
  EXPECT_EQ(m[2].number, -5.0);
  EXPECT_EQ(m[3].kind, Kind::kFloat);
  EXPECT_EQ(m[3].number, 1.5);
  EXPECT_EQ(m[3].raw, "1.50");
  EXPECT_EQ(m[4].kind, Kind::kText);
  EXPECT_EQ(m[4].text, "a\xc3\xa9\n");
  EXPECT_EQ(m[4].raw, R"("a\u00e9\n")");
  EXPECT_EQ(m[5].kind, Kind::kObject);
  EXPECT_EQ(m[5].raw, R"({"x":[]})");
  EXPECT_EQ(m[6].kind, Kind::kArray);
  EXPECT_EQ(m[6].raw, "[1,2]");
}

TEST(ReadJsonObjectTest, ReturnsKeysGivenTwiceWithEscapesResolved) {
  const auto members = ReadJsonObject(R"({"a":1,"\u0061":2})", 128);
  ASSERT_TRUE(members);
  EXPECT_EQ((*members)[0].key, "a");
  EXPECT_EQ((*members)[1].key, "a");
  EXPECT_EQ((*members)[1].raw, "2");
}

// The parser's text repeats the token it stumbled over, and a token may read like that text.
TEST(ReadJsonObjectTest, RepeatsNothingOfATokenThatIsNoText) {
  const auto members = ReadJsonObject("{\"a; expected\x87\x87\":1}", 128);
  ASSERT_FALSE(members);
  EXPECT_EQ(members.error().code, "malformed_json");
  EXPECT_EQ(members.error().detail.find('\x87'), std::string::npos) << members.error().detail;
  EXPECT_THAT(members.error().detail, HasSubstr("expected"));
}

TEST(ReadJsonObjectTest, ClampsWholeNumbersThatDoNotFit) {
  const auto members =
      ReadJsonObject(R"({"a":9223372036854775807,"b":9223372036854775808,"c":18446744073709551615,)"
                     R"("d":18446744073709551616,"e":-9223372036854775809})",
                     128);
  ASSERT_TRUE(members);
  EXPECT_EQ((*members)[0].integer, INT64_MAX);
  EXPECT_EQ((*members)[1].integer, INT64_MAX);
  EXPECT_EQ((*members)[2].integer, INT64_MAX);
  EXPECT_EQ((*members)[3].kind, Kind::kFloat);
  EXPECT_EQ((*members)[4].kind, Kind::kFloat);
}

TEST(ReadJsonObjectTest, RefusesWhatIsNoObject) {
  for (const char* json : {"1", "\"text\"", "null", "true", "[]", "[{}]", "1.5"}) {
    EXPECT_EQ(CodeOf(json), "not_an_object") << json;
  }
}

TEST(ReadJsonObjectTest, RefusesWhatIsNoJson) {
  for (const std::string& json : {std::string(),
                                  std::string(" "),
                                  std::string("{"),
                                  std::string("}"),
                                  std::string("{}{}"),
                                  std::string("{} x"),
                                  std::string("{\"a\":1,}"),
                                  std::string("{,}"),
                                  std::string("{a:1}"),
                                  std::string("{'a':1}"),
                                  std::string("{\"a\" 1}"),
                                  std::string("{\"a\":01}"),
                                  std::string("{\"a\":+1}"),
                                  std::string("{\"a\":.5}"),
                                  std::string("{\"a\":1.}"),
                                  std::string("{\"a\":NaN}"),
                                  std::string("{\"a\":Infinity}"),
                                  std::string("{\"a\":tru}"),
                                  std::string("{\"a\":\"\t\"}"),
                                  std::string("{\"a\":\"\\x\"}"),
                                  std::string("{/**/}"),
                                  std::string("{\"a\":\"\\ud800\"}"),
                                  std::string("{\"a\":\"\\udc00\"}"),
                                  std::string("{\"a\":\"\\ud800\\u0041\"}"),
                                  std::string("{\"a\":[\"\\ud800\"]}"),
                                  std::string("{\"a\":\"\xff\"}"),
                                  std::string("{\"a\":\"\xc0\xaf\"}"),
                                  std::string("{\"a\":\"\xed\xa0\x80\"}"),
                                  std::string("{\"\xff\":1}"),
                                  std::string("{\"a\":{\"b\":\"\xc3\"}}"),
                                  std::string("{\"a\":1}\0", 8),
                                  std::string("{\"a\":1}\0{", 9),
                                  std::string("{\"a\":\"\0\"}", 9),
                                  std::string("\0{}", 3),
                                  std::string("\xef\xbb\xbf{\"a\":1}"),
                                  std::string("\xff\xfe{")}) {
    EXPECT_EQ(CodeOf(json), "malformed_json") << json;
  }
}

TEST(ReadJsonObjectTest, SaysAtWhichByte) {
  EXPECT_THAT(ReadJsonObject("{\"a\":x}", 128).error().detail, HasSubstr("at byte 6"));
  EXPECT_THAT(ReadJsonObject(std::string("{}\0", 3), 128).error().detail, HasSubstr("at byte 3"));
}

TEST(ReadJsonObjectTest, SaysWhatIsWrongInItsOwnWords) {
  for (const char* json : {R"({"a":1e999})", R"({"a":x})", R"({"a")", "{\"a\":\"\xff\"}"}) {
    EXPECT_THAT(ReadJsonObject(json, 128).error().detail, Not(HasSubstr("exception"))) << json;
  }
}

// What a refusal says can always be put into a JSON answer.
TEST(ReadJsonObjectTest, TheRefusalDoesNotRepeatHostileBytes) {
  const std::string detail =
      ReadJsonObject("{\"a\":\"" + std::string(5000, 'x') + "\xff\xfe\"}", 128).error().detail;
  EXPECT_LT(detail.size(), 400U);
  for (const char c : detail) EXPECT_TRUE(c >= ' ' && c < 127) << detail;
}

// A text this long is read by the other of the two readers.
std::string Lengthened(const std::string& json) { return json + std::string(33'000, ' '); }

std::string Described(const std::string& json) {
  const auto members = ReadJsonObject(json, 6);
  if (!members) return members.error().code;
  std::string out;
  for (const JsonMember& member : *members) {
    out += member.key + "|" + std::to_string(static_cast<int>(member.kind)) + "|" + member.text +
           "|" + std::to_string(member.integer) + "|" + std::to_string(member.number) + "|" +
           member.raw + "\n";
  }
  return out;
}

TEST(ReadJsonObjectTest, RefusesWhatIsNoTextAtAll) {
  EXPECT_EQ(ReadJsonObject(std::string_view(), 128).error().code, "malformed_json");
}

TEST(ReadJsonObjectTest, BothReadersReadTheSame) {
  const std::vector<std::string> samples = {
      R"({"type":"log","message":"a\u00e9\ud83d\ude00\"\\ \n","payload":{"a":[1,2.50,-0,1e9]}})",
      R"( {"i":-9223372036854775808,"u":18446744073709551615,"f":1.7976931348623157e308,"z":-0.0})",
      R"({"a":[[[[[1]]]]],"b":{"c":{"d":{"e":{}}}},"a":null,"t":true,"":"","x":"\u0000"})",
      "{\"m\":\"gr\u00fc\u00dfe \u4e16\u754c\",\r\n\t\"n\" : 12345678901234567890123 }",
  };
  const std::string bytes =
      "{}[]\",:\\u0eE+-.19tfn \n\x01\xc3\xa9\xff\xed\xa0\x80"
      "d";
  constexpr uint64_t kSeed = 20261121;
  std::mt19937_64 random(kSeed);
  for (int i = 0; i < 3'000; ++i) {
    std::string json = samples[random() % samples.size()];
    for (uint64_t edits = random() % 3; edits > 0; --edits) {
      const size_t at = random() % json.size();
      const char byte = bytes[random() % bytes.size()];
      if (random() % 3 == 0)
        json.erase(at, 1);
      else if (random() % 2 == 0)
        json.insert(at, 1, byte);
      else
        json[at] = byte;
    }
    ASSERT_EQ(Described(json), Described(Lengthened(json))) << json << "\nseed " << kSeed;
  }
}

TEST(ReadJsonObjectTest, BoundsTheDepth) {
  const auto nested = [](int depth) {  // depth levels in all
    return "{\"a\":" + std::string(static_cast<size_t>(depth - 1), '[') +
           std::string(static_cast<size_t>(depth - 1), ']') + "}";
  };
  EXPECT_EQ(CodeOf(nested(128)), "ok");
  EXPECT_EQ(CodeOf(nested(129)), "too_deep");
  EXPECT_EQ(CodeOf(nested(100'000)), "too_deep");
  EXPECT_EQ(CodeOf("{\"a\":" + std::string(1'000'000, '[')), "too_deep");
  EXPECT_EQ(CodeOf(std::string(1'000'000, '[')), "not_an_object");
}

}  // namespace
}  // namespace stagelog
