#include "http/media_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(MediaTypeTest, TypeAndParameters) {
  const MediaType type = ParseMediaType(" Application/JSON ;Charset=\"UTF-8\"; a = b ;;c");
  EXPECT_EQ(type.type, "application/json");
  EXPECT_THAT(type.parameters,
              ElementsAre(Pair("charset", "UTF-8"), Pair("a", "b"), Pair("c", "")));
  EXPECT_EQ(ParseMediaType("").type, "");
  EXPECT_EQ(ParseMediaType(";;").type, "");
}

TEST(MediaTypeTest, QuotedValuesMayHoldAnything) {
  EXPECT_THAT(ParseMediaType(R"(a/b; x="1;charset=latin1"; y="a\"b\\c")").parameters,
              ElementsAre(Pair("x", "1;charset=latin1"), Pair("y", "a\"b\\c")));
  EXPECT_THAT(ParseMediaType("a/b; x=\"never ends; y=1").parameters,
              ElementsAre(Pair("x", "\"never ends; y=1")));
  EXPECT_THAT(ParseMediaType("a/b; x=\"").parameters, ElementsAre(Pair("x", "\"")));
}

TEST(MediaTypeTest, CharsetsThatAreNotUtf8) {
  for (const char* field :
       {"a/b", "a/b; charset=utf-8", "a/b; CHARSET=\"Utf-8\"", "a/b;charset=UTF8"}) {
    EXPECT_EQ(OtherCharset(ParseMediaType(field)), std::nullopt) << field;
  }
  EXPECT_EQ(OtherCharset(ParseMediaType("a/b; charset=UTF-16")), "UTF-16");
  EXPECT_EQ(OtherCharset(ParseMediaType("a/b; charset=utf-8; charset=latin1")), "latin1");
  EXPECT_EQ(OtherCharset(ParseMediaType("a/b; charset")), "");
}

constexpr std::array<std::string_view, 2> kOffers = {kNdjsonType, kCloudEventBatchType};

TEST(MediaTypeTest, TheHeaviestOfTheOffersTheFirstOfEquals) {
  EXPECT_EQ(PreferredType("application/cloudevents-batch+json", kOffers), kCloudEventBatchType);
  EXPECT_EQ(PreferredType("application/cloudevents-batch+json, application/x-ndjson", kOffers),
            kNdjsonType);
  EXPECT_EQ(
      PreferredType("application/cloudevents-batch+json, application/x-ndjson;q=0.9", kOffers),
      kCloudEventBatchType);
  EXPECT_EQ(PreferredType("application/json, application/cloudevents-batch+json;q=0.9", kOffers),
            kJsonType);
}

TEST(MediaTypeTest, TheWeightOfANameInAList) {
  EXPECT_EQ(WeightIn("gzip;q=0.5, ZSTD", "zstd"), 1.0);
  EXPECT_EQ(WeightIn("gzip;q=0.5, zstd", "gzip"), 0.5);
  EXPECT_EQ(WeightIn("gzip;q=0", "gzip"), 0.0);
  EXPECT_EQ(WeightIn("br, *", "gzip"), std::nullopt);
}

TEST(MediaTypeTest, NdjsonWhereItIsPreferred) {
  for (const char* accept :
       {"application/x-ndjson", "APPLICATION/X-NDJSON;q=0.2", "application/x-ndjson, */*",
        "application/json;q=0.5,application/x-ndjson;q=0.5"}) {
    EXPECT_EQ(PreferredType(accept, kOffers), kNdjsonType) << accept;
  }
  for (const char* accept : {"", "*/*", "application/*", "application/x-ndjson;q=0",
                             "application/x-ndjson;q=x", "application/x-ndjson;q=0.3, */*;q=0.5",
                             "text/x-ndjson", ",;,\"", "application/x-ndjson;q="}) {
    EXPECT_EQ(PreferredType(accept, kOffers), kJsonType) << accept;
  }
}

}  // namespace
}  // namespace stagelog
