// How long to wait before the daemon is tried again.
#ifndef STAGELOG_CLIENT_RECONNECT_DELAY_H_
#define STAGELOG_CLIENT_RECONNECT_DELAY_H_

#include <cstdint>

namespace stagelog::cli {

// Twice as long after each failure, from the daemon's own `retry:` up to half a minute (or `retry:`
// itself where that is longer, up to five minutes). Used by one thread.
class ReconnectDelay {
 public:
  // What the daemon asked for.
  void SetRetryMs(int64_t retry_ms);

  // The connection is fine: the next failure is a first one.
  void Reset() { failures_ = 0; }

  // The next wait. `random` is any 64 bits: up to half of the wait is added by them, so that many
  // that lost the same daemon do not come back in the same instant.
  int64_t NextMs(uint64_t random);

  // Failures since the last Reset().
  int failures() const { return failures_; }

 private:
  int64_t retry_ms_ = 2'000;
  int failures_ = 0;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_RECONNECT_DELAY_H_
