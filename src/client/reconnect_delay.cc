#include "client/reconnect_delay.h"

#include <algorithm>

namespace stagelog::cli {
namespace {

constexpr int64_t kMinMs = 50;
constexpr int64_t kMaxMs = 30'000;
constexpr int64_t kMaxRetryMs = 300'000;
constexpr int kMaxDoublings = 10;

}  // namespace

void ReconnectDelay::SetRetryMs(int64_t retry_ms) {
  retry_ms_ = std::clamp(retry_ms, kMinMs, kMaxRetryMs);
}

int64_t ReconnectDelay::NextMs(uint64_t random) {
  const int64_t doubled = retry_ms_ << std::min(failures_++, kMaxDoublings);
  const int64_t delay_ms = std::min(doubled, std::max(kMaxMs, retry_ms_));
  return delay_ms + static_cast<int64_t>(random % static_cast<uint64_t>(delay_ms / 2 + 1));
}

}  // namespace stagelog::cli
