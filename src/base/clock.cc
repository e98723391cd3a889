#include "base/clock.h"

#include <time.h>

#include <chrono>

namespace stagelog {
namespace {

class RealClock : public Clock {
 public:
  int64_t WallMicros() override { return Micros(std::chrono::system_clock::now()); }
  int64_t MonotonicMicros() override { return Micros(std::chrono::steady_clock::now()); }
  int64_t BootMicros() override {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  }

 private:
  template <typename TimePoint>
  static int64_t Micros(TimePoint time) {
    return std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  }
};

}  // namespace

Clock& SystemClock() {
  static RealClock clock;
  return clock;
}

}  // namespace stagelog
