// Interruptible waiting.
#ifndef STAGELOG_CLI_OFFLINE_WAITER_H_
#define STAGELOG_CLI_OFFLINE_WAITER_H_

#include <cstdint>

#include "base/mutex.h"

namespace stagelog::cli {

class Waiter {
 public:
  virtual ~Waiter() = default;

  virtual int64_t NowMicros() = 0;  // monotonic

  // Returns at that monotonic time, at once if it has passed. False: stop waiting altogether.
  virtual bool WaitUntil(int64_t monotonic_micros) = 0;
};

// Gives up if the reader of `fd` has exited (`| head`), which would otherwise be noticed only at
// the next event.
class OutputWaiter : public Waiter {
 public:
  explicit OutputWaiter(int fd) : fd_(fd) {}

  int64_t NowMicros() override;
  bool WaitUntil(int64_t monotonic_micros) override;

 private:
  const int fd_;
};

// Gives up when another thread says so.
class InterruptibleWaiter : public Waiter {
 public:
  int64_t NowMicros() override;
  bool WaitUntil(int64_t monotonic_micros) override;

  // Any thread, not from a signal handler.
  void Interrupt();

 private:
  Mutex mutex_;
  ConditionVariable wake_;
  bool interrupted_ STAGELOG_GUARDED_BY(mutex_) = false;  // guarded by mutex_
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_WAITER_H_
