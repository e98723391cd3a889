#include "core/labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stagelog {
namespace {

using testing::HasSubstr;

TEST(LabelsTest, KeysAreShortNamesWithoutWhatSeparatesThemFromValues) {
  for (const char* key : {"a", "team", "9", "example.org/team", "build-id", "a_b"}) {
    EXPECT_TRUE(IsLabelKey(key)) << key;
  }
  for (const char* key : {"", "-a", ".a", "a b", "a=b", "a:b", "a,b", "\xc3\xbc", "a\n"}) {
    EXPECT_FALSE(IsLabelKey(key)) << key;
  }
  EXPECT_TRUE(IsLabelKey(std::string(63, 'k')));
  EXPECT_FALSE(IsLabelKey(std::string(64, 'k')));
}

TEST(LabelsTest, AreReadBackAsTheyWereWritten) {
  const Labels labels = {{"team", "film \"x\" \\ ü"}, {"env", "prod"}};
  EXPECT_EQ(DecodeLabels(EncodeLabels(labels)), labels);
  EXPECT_EQ(EncodeLabels({{"b", "2"}, {"a", "1"}}), R"({"a":"1","b":"2"})");
  EXPECT_EQ(DecodeLabels("{}"), Labels());
}

TEST(LabelsTest, ReadingIsTotal) {
  for (const char* text : {"", "[]", "nonsense", "7", R"({"a":7,"a b":"x","c":"","d":null})"}) {
    EXPECT_EQ(DecodeLabels(text), Labels()) << text;
  }
}

TEST(LabelsTest, AConditionIsAKeyWithOrWithoutItsValue) {
  EXPECT_EQ(ParseLabelCondition("team=film"), (LabelCondition{"team", "film"}));
  EXPECT_EQ(ParseLabelCondition("team:film"), (LabelCondition{"team", "film"}));
  EXPECT_EQ(ParseLabelCondition("url=http://a:8/?b=c"), (LabelCondition{"url", "http://a:8/?b=c"}));
  EXPECT_EQ(ParseLabelCondition("team"), (LabelCondition{"team", std::nullopt}));
  for (const char* text : {"", "=", "=film", "a b=c", "team=", "team=a\nb"}) {
    const auto condition = ParseLabelCondition(text);
    ASSERT_FALSE(condition) << text;
    EXPECT_EQ(condition.error().code, "invalid_parameter");
    EXPECT_EQ(condition.error().field, "label");
  }
}

}  // namespace
}  // namespace stagelog
