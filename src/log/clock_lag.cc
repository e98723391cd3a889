#include "log/clock_lag.h"

#include <algorithm>

#include "base/logging.h"
#include "base/timestamp.h"

namespace stagelog {

void ClockLag::Compare(int64_t last_ts_micros) {
  constexpr int64_t kStepMicros = 1'000'000;
  const int64_t now = clock_.WallMicros();
  const int64_t lag = last_ts_micros - now;
  const int64_t lag_before = lag_micros_;
  if (lag > lag_before + kStepMicros) {
    LogWarning(
        "[journal] the clock, {}, is behind the newest event, {}: until it has caught up new "
        "events get times right after that one, and waits and durations come out too short",
        FormatTimestamp(now), FormatTimestamp(last_ts_micros));
  } else if (lag_before > 0 && lag <= 0) {
    LogInfo("[journal] the clock, {}, has caught up with the newest event, {}",
            FormatTimestamp(now), FormatTimestamp(last_ts_micros));
  } else if (lag_before == 0) {
    return;
  }
  lag_micros_ = std::max<int64_t>(lag, 0);
}

}  // namespace stagelog
