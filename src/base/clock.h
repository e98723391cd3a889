// Injectable time: the daemon runs on SystemClock(), tests on a clock they advance by hand.
#ifndef STAGELOG_BASE_CLOCK_H_
#define STAGELOG_BASE_CLOCK_H_

#include <cstdint>

namespace stagelog {

// Safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Microseconds since 1970-01-01T00:00:00Z. May be set back or forward by the machine's owner.
  virtual int64_t WallMicros() = 0;

  // Microseconds since some fixed moment; never goes back. For deadlines and durations.
  virtual int64_t MonotonicMicros() = 0;

  // As MonotonicMicros(), but includes time in which the machine was suspended. For timeouts in
  // real elapsed time.
  virtual int64_t BootMicros() { return MonotonicMicros(); }
};

// The machine's own clock. Lives as long as the process.
Clock& SystemClock();

}  // namespace stagelog

#endif  // STAGELOG_BASE_CLOCK_H_
