// The signals that ask a program to end, as a call.
#ifndef STAGELOG_CLI_SIGNAL_WATCH_H_
#define STAGELOG_CLI_SIGNAL_WATCH_H_

#include <signal.h>

#include <functional>
#include <thread>

namespace stagelog::cli {

// SIGINT, SIGTERM and SIGHUP are blocked in the thread that makes this one, and in all threads that
// it starts afterwards: to be made before them, where something must be tidied up at the end.
class SignalWatch {
 public:
  // `on_signal` is called on a thread of its own, perhaps more than once.
  explicit SignalWatch(std::function<void()> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  sigset_t before_{};
  std::jthread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SIGNAL_WATCH_H_
