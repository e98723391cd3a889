// The delay before reconnecting to the daemon.
#ifndef STAGELOG_CLIENT_RECONNECT_DELAY_H_
#define STAGELOG_CLIENT_RECONNECT_DELAY_H_

#include <cstdint>

namespace stagelog::cli {

// Exponential backoff, from the daemon's `retry:` up to half a minute (or `retry:` itself if that
// is longer, up to five minutes). One thread.
class ReconnectDelay {
 public:
  // What the daemon asked for.
  void SetRetryMs(int64_t retry_ms);

  // The connection works: resets the backoff.
  void Reset() { failures_ = 0; }

  // The next delay. `random` is any 64 bits: up to half of the delay is jitter, so that many
  // clients of one daemon do not reconnect at the same instant.
  int64_t NextMs(uint64_t random);

  // Failures since the last Reset().
  int failures() const { return failures_; }

 private:
  int64_t retry_ms_ = 2'000;
  int failures_ = 0;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_RECONNECT_DELAY_H_
