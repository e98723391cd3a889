// What a thread sleeps by that waits for a time and can be woken before it.
#ifndef STAGELOG_BASE_ALARM_H_
#define STAGELOG_BASE_ALARM_H_

#include <cstdint>

#include "base/unique_fd.h"

namespace stagelog {

// Sleeps by two clocks at once, each read by the kernel: neither a clock that is set nor a machine
// that is suspended makes it miss a time, and nothing polls. One thread sleeps; any may wake it.
class Alarm {
 public:
  static constexpr int64_t kNever = INT64_MAX;

  // Takes three descriptors; aborts where there are none.
  Alarm();

  // Ends a sleep, or the next one.
  void Wake();

  // Returns when it was woken, when Clock::BootMicros() of the machine's clock has reached
  // `boot_micros`, or its WallMicros() `wall_micros`. May return earlier for no reason.
  void Sleep(int64_t boot_micros, int64_t wall_micros);

 private:
  const UniqueFd wake_;
  const UniqueFd boot_timer_;
  const UniqueFd wall_timer_;
};

}  // namespace stagelog

#endif  // STAGELOG_BASE_ALARM_H_
