// The machine's clocks, which a test can put forward.
#ifndef STAGELOG_TESTS_SUPPORT_ADVANCED_CLOCK_H_
#define STAGELOG_TESTS_SUPPORT_ADVANCED_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace stagelog {

// Safe from any thread.
class AdvancedClock : public Clock {
 public:
  int64_t WallMicros() override { return SystemClock().WallMicros() + wall_advance_; }
  int64_t MonotonicMicros() override {
    return SystemClock().MonotonicMicros() + monotonic_advance_;
  }

  // Sets the wall clock forward; no time passes.
  void AdvanceWall(int64_t micros) { wall_advance_ += micros; }

  // Lets time pass, on both.
  void Advance(int64_t micros) {
    wall_advance_ += micros;
    monotonic_advance_ += micros;
  }

 private:
  std::atomic<int64_t> wall_advance_{0};
  std::atomic<int64_t> monotonic_advance_{0};
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_ADVANCED_CLOCK_H_
