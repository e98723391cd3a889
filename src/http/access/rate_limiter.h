// How many requests each token may make in a minute.
#ifndef STAGELOG_HTTP_ACCESS_RATE_LIMITER_H_
#define STAGELOG_HTTP_ACCESS_RATE_LIMITER_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace stagelog {

// Where a token stands after a request.
struct RateQuota {
  bool is_allowed = true;
  int64_t limit = 0;      // requests a minute
  int64_t remaining = 0;  // of this minute
  int64_t seconds = 0;    // until the next one begins

  // `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), and `Retry-After`
  // where it is not allowed.
  std::vector<std::pair<std::string, std::string>> Fields() const;
};

// A minute begins with the first request after the last one. One thread.
class RateLimiter {
 public:
  // `now_micros`: monotonic.
  RateQuota Take(const std::string& token_name, int64_t requests_per_minute, int64_t now_micros);

 private:
  struct Minute {
    int64_t began_micros = 0;
    int64_t requests = 0;
  };

  std::unordered_map<std::string, Minute> minutes_;  // by the name of the token; few
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ACCESS_RATE_LIMITER_H_
