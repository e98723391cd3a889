#include "http/cors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace stagelog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

const std::vector<std::string> kAllowed = {"http://localhost:5173", "https://ui.example.org"};

TEST(CorsTest, WithoutOriginsNothingIsAdded) {
  EXPECT_THAT(CorsFields("http://localhost:5173", {}), IsEmpty());
  EXPECT_THAT(PreflightFields("http://localhost:5173", {}), IsEmpty());
}

TEST(CorsTest, AllowedOriginIsEchoed) {
  EXPECT_THAT(CorsFields("http://localhost:5173", kAllowed),
              ElementsAre(Pair("Vary", "Origin"),
                          Pair("Access-Control-Allow-Origin", "http://localhost:5173"),
                          Pair("Access-Control-Expose-Headers",
                               "Location, Retry-After, Allow, WWW-Authenticate, Accept-Encoding, "
                               "Date, ETag, Link, RateLimit, RateLimit-Policy, "
                               "Stagelog-Next-After, Stagelog-Has-More, "
                               "Stagelog-Head-Seq")));
}

TEST(CorsTest, OtherOriginsGetOnlyVary) {
  for (const char* origin :
       {"", "null", "http://localhost", "http://localhost:5174", "https://localhost:5173",
        "http://localhost:5173.evil.example", "https://ui.example.org.evil.example",
        "https://xui.example.org", "*", "http://localhost:5173/"}) {
    EXPECT_THAT(CorsFields(origin, kAllowed), ElementsAre(Pair("Vary", "Origin"))) << origin;
    EXPECT_THAT(PreflightFields(origin, kAllowed), ElementsAre(Pair("Vary", "Origin"))) << origin;
  }
}

TEST(CorsTest, StarAdmitsEveryOriginThatIsWellFormed) {
  EXPECT_THAT(CorsFields("https://a.example", {"*"}),
              Contains(Pair("Access-Control-Allow-Origin", "https://a.example")));
  EXPECT_THAT(CorsFields("null", {"*"}), Contains(Pair("Access-Control-Allow-Origin", "null")));
  EXPECT_THAT(CorsFields("http://a\r\nSet-Cookie: b", {"*"}), ElementsAre(Pair("Vary", "Origin")));
}

TEST(CorsTest, PreflightSaysWhatARequestMayConsistOf) {
  const HeaderFields fields = PreflightFields("http://localhost:5173", kAllowed);
  EXPECT_THAT(fields, Contains(Pair("Access-Control-Allow-Origin", "http://localhost:5173")));
  EXPECT_THAT(fields, Contains(Pair("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS")));
  EXPECT_THAT(fields, Contains(Pair("Access-Control-Allow-Headers",
                                    HasSubstr("Authorization, Content-Type, "))));
  EXPECT_THAT(fields, Contains(Pair("Access-Control-Allow-Headers", HasSubstr(", ce-id,"))));
  EXPECT_THAT(fields, Contains(Pair("Access-Control-Max-Age", "600")));
  EXPECT_THAT(fields, Not(Contains(Key("Access-Control-Allow-Credentials"))));
}

TEST(CorsTest, Origins) {
  for (const char* origin :
       {"http://localhost", "http://localhost:5173", "https://a.example", "https://a.example:8443",
        "http://[::1]:5173", "http://[2001:db8::1]", "http://127.0.0.1:3000"}) {
    EXPECT_TRUE(IsOrigin(origin)) << origin;
  }
  for (const char* origin : {"",
                             "*",
                             "null",
                             "localhost",
                             "http://",
                             "http:///",
                             "http://a/",
                             "http://a/b",
                             "http://a?b",
                             "http://a#b",
                             "http://a:80",
                             "https://a:443",
                             "http://a:",
                             "http://a:0",
                             "http://a:080",
                             "http://a:x",
                             "http://a:65536",
                             "http://u@a",
                             "http://::1",
                             "http://[::1",
                             "http://[::1]x",
                             "http://[a]",
                             "http://[]",
                             "file:///",
                             "ws://a",
                             "http://a b",
                             "http://*.example"}) {
    EXPECT_FALSE(IsOrigin(origin)) << origin;
  }
}

}  // namespace
}  // namespace stagelog
