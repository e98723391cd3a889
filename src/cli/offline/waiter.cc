#include "cli/offline/waiter.h"

#include <poll.h>

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/mutex.h"

namespace stagelog::cli {
namespace {

// A timed wait is cut into hours: no clock overflows, and nobody notices.
constexpr int64_t kLongestWaitMicros = int64_t{3'600'000'000};

}  // namespace

int64_t OutputWaiter::NowMicros() { return SystemClock().MonotonicMicros(); }

bool OutputWaiter::WaitUntil(int64_t monotonic_micros) {
  while (true) {
    const int64_t left = monotonic_micros - NowMicros();
    if (left <= 0) return true;
    const int64_t wait = std::min(left, kLongestWaitMicros);
    const timespec timeout{wait / 1'000'000, wait % 1'000'000 * 1'000};
    pollfd entry{fd_, 0, 0};  // errors are reported unasked
    if (::ppoll(&entry, 1, &timeout, nullptr) == 1) return false;
  }
}

int64_t InterruptibleWaiter::NowMicros() { return SystemClock().MonotonicMicros(); }

bool InterruptibleWaiter::WaitUntil(int64_t monotonic_micros) {
  MutexLock lock(mutex_);
  while (!interrupted_) {
    const int64_t left = monotonic_micros - NowMicros();
    if (left <= 0) return true;
    wake_.wait_for(lock, std::chrono::microseconds(std::min(left, kLongestWaitMicros)));
  }
  return false;
}

void InterruptibleWaiter::Interrupt() {
  const MutexLock lock(mutex_);
  interrupted_ = true;
  wake_.notify_all();
}

}  // namespace stagelog::cli
