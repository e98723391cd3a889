// How often somebody at an address may try a secret.
#ifndef STAGELOG_HTTP_ACCESS_TRY_LIMITER_H_
#define STAGELOG_HTTP_ACCESS_TRY_LIMITER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace stagelog {

// Ten wrong tries at once, then one more every six seconds. Right ones do not count. One thread at
// a time.
class TryLimiter {
 public:
  static constexpr int64_t kTries = 10;
  static constexpr int64_t kMicrosPerTry = 6'000'000;

  // Seconds to wait, at least 1; 0: one may try. `now_micros`: monotonic.
  int64_t SecondsToWait(const std::string& address, int64_t now_micros) const;
  void NoteFailure(const std::string& address, int64_t now_micros);

 private:
  static constexpr size_t kMaxAddresses = 10'000;  // the oldest are forgotten first

  // Failures fill a bucket that runs dry with time: when it will be empty, by address.
  std::unordered_map<std::string, int64_t> empty_at_micros_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_ACCESS_TRY_LIMITER_H_
