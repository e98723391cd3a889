// A clock that stands still until the test moves it.
#ifndef STAGELOG_TESTS_SUPPORT_MANUAL_CLOCK_H_
#define STAGELOG_TESTS_SUPPORT_MANUAL_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace stagelog {

// Safe from any thread.
class ManualClock : public Clock {
 public:
  // 2026-01-02T03:04:05Z.
  static constexpr int64_t kDefaultWallMicros = 1'767'323'045'000'000;

  explicit ManualClock(int64_t wall_micros = kDefaultWallMicros, int64_t monotonic_micros = 0)
      : wall_micros_(wall_micros), monotonic_micros_(monotonic_micros) {}

  int64_t WallMicros() override { return wall_micros_; }
  int64_t MonotonicMicros() override { return monotonic_micros_; }

  void SetWallMicros(int64_t micros) { wall_micros_ = micros; }
  void SetMonotonicMicros(int64_t micros) { monotonic_micros_ = micros; }

  // The wall clock is set, as by a person or by NTP; no time passes.
  void SetWallForward(int64_t micros) { wall_micros_ += micros; }

  // Moves both.
  void AdvanceMicros(int64_t micros) {
    wall_micros_ += micros;
    monotonic_micros_ += micros;
  }

 private:
  std::atomic<int64_t> wall_micros_;
  std::atomic<int64_t> monotonic_micros_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_MANUAL_CLOCK_H_
