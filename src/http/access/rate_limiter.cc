#include "http/access/rate_limiter.h"

#include <algorithm>

namespace stagelog {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kWindowSeconds = 60;

}  // namespace

std::vector<std::pair<std::string, std::string>> RateQuota::Fields() const {
  const std::string until = std::to_string(seconds);
  std::vector<std::pair<std::string, std::string>> fields = {
      {"RateLimit", "\"token\";r=" + std::to_string(remaining) + ";t=" + until},
      {"RateLimit-Policy",
       "\"token\";q=" + std::to_string(limit) + ";w=" + std::to_string(kWindowSeconds)}};
  if (!is_allowed) fields.emplace_back("Retry-After", until);
  return fields;
}

RateQuota RateLimiter::Take(const std::string& token_name, int64_t requests_per_minute,
                            int64_t now_micros) {
  constexpr int64_t kWindowMicros = kWindowSeconds * kMicrosPerSecond;
  Minute& minute = minutes_[token_name];
  const bool is_new = minute.requests == 0 || now_micros >= minute.began_micros + kWindowMicros;
  if (is_new) minute = {now_micros, 0};
  const bool is_allowed = minute.requests < requests_per_minute;
  if (is_allowed) ++minute.requests;
  const int64_t left = minute.began_micros + kWindowMicros - now_micros;
  return {.is_allowed = is_allowed,
          .limit = requests_per_minute,
          .remaining = std::max<int64_t>(0, requests_per_minute - minute.requests),
          .seconds = (left + kMicrosPerSecond - 1) / kMicrosPerSecond};
}

}  // namespace stagelog
