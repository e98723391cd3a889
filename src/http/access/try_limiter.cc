#include "http/access/try_limiter.h"

#include <algorithm>

namespace stagelog {

int64_t TryLimiter::SecondsToWait(const std::string& address, int64_t now_micros) const {
  const auto found = empty_at_micros_.find(address);
  if (found == empty_at_micros_.end()) return 0;
  // One more must fit below the brim.
  const int64_t wait_micros = found->second - now_micros - (kTries - 1) * kMicrosPerTry;
  return wait_micros <= 0 ? 0 : (wait_micros + 999'999) / 1'000'000;
}

void TryLimiter::NoteFailure(const std::string& address, int64_t now_micros) {
  if (empty_at_micros_.size() >= kMaxAddresses) {
    std::erase_if(empty_at_micros_, [&](const auto& entry) { return entry.second <= now_micros; });
  }
  if (empty_at_micros_.size() >= kMaxAddresses) {
    empty_at_micros_.erase(
        std::min_element(empty_at_micros_.begin(), empty_at_micros_.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  int64_t& empty_at = empty_at_micros_[address];
  empty_at = std::max(empty_at, now_micros) + kMicrosPerTry;
}

}  // namespace stagelog
