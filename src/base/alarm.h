// A timed sleep of a thread that other threads can interrupt.
#ifndef STAGELOG_BASE_ALARM_H_
#define STAGELOG_BASE_ALARM_H_

#include <cstdint>

#include "base/unique_fd.h"

namespace stagelog {

// Sleeps on two kernel timers at once, so that neither a change of the wall clock nor a suspend
// delays it, without polling. One thread sleeps; any thread may wake it.
class Alarm {
 public:
  static constexpr int64_t kNever = INT64_MAX;

  // Takes three descriptors; aborts where there are none.
  Alarm();

  // Ends a sleep, or the next one.
  void Wake();

  // Returns after Wake(), when Clock::BootMicros() of the system clock reaches `boot_micros`, or
  // its WallMicros() `wall_micros`. Spurious returns are possible.
  void Sleep(int64_t boot_micros, int64_t wall_micros);

 private:
  const UniqueFd wake_;
  const UniqueFd boot_timer_;
  const UniqueFd wall_timer_;
};

}  // namespace stagelog

#endif  // STAGELOG_BASE_ALARM_H_
