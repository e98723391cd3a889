#include "http/access/rate_limiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr int64_t kSecond = 1'000'000;

TEST(RateLimiterTest, AMinuteHasSoManyRequests) {
  RateLimiter limiter;
  const RateQuota first = limiter.Take("gpu-3", 2, 5 * kSecond);
  EXPECT_TRUE(first.is_allowed);
  EXPECT_THAT(first.Fields(), ElementsAre(Pair("RateLimit", "\"token\";r=1;t=60"),
                                          Pair("RateLimit-Policy", "\"token\";q=2;w=60")));
  EXPECT_TRUE(limiter.Take("gpu-3", 2, 10 * kSecond).is_allowed);
  const RateQuota third = limiter.Take("gpu-3", 2, 60 * kSecond + 1);
  EXPECT_FALSE(third.is_allowed);
  EXPECT_THAT(third.Fields(), ElementsAre(Pair("RateLimit", "\"token\";r=0;t=5"),
                                          Pair("RateLimit-Policy", "\"token\";q=2;w=60"),
                                          Pair("Retry-After", "5")));
  EXPECT_TRUE(limiter.Take("alice", 2, 60 * kSecond).is_allowed);
  EXPECT_TRUE(limiter.Take("gpu-3", 2, 65 * kSecond).is_allowed);
}

TEST(RateLimiterTest, ALimitThatWasLoweredCountsAtOnce) {
  RateLimiter limiter;
  for (int i = 0; i < 5; ++i) limiter.Take("gpu-3", 10, kSecond);
  const RateQuota lowered = limiter.Take("gpu-3", 3, kSecond);
  EXPECT_FALSE(lowered.is_allowed);
  EXPECT_EQ(lowered.remaining, 0);
}

}  // namespace
}  // namespace stagelog
