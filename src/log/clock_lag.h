// Says in the log that the clock was set back.
#ifndef STAGELOG_LOG_CLOCK_LAG_H_
#define STAGELOG_LOG_CLOCK_LAG_H_

#include <cstdint>

#include "base/clock.h"

namespace stagelog {

// `ts` never goes back (guarantee 3 in src/GUARANTEES.md). So as long as a clock that was set back
// is behind, new events are a microsecond apart, and what is measured between them is too short:
// that is said once for each step back. Writing thread only.
class ClockLag {
 public:
  explicit ClockLag(Clock& clock) : clock_(clock) {}

  // Looks at the clock; the newest event has this `ts`.
  void Compare(int64_t last_ts_micros);

 private:
  Clock& clock_;
  int64_t lag_micros_ = 0;  // of the clock behind the newest event, while the log says so
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_CLOCK_LAG_H_
