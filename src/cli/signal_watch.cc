#include "cli/signal_watch.h"

#include <utility>

namespace stagelog::cli {

SignalWatch::SignalWatch(std::function<void()> on_signal) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  ::pthread_sigmask(SIG_BLOCK, &signals, &before_);
  thread_ = std::jthread([signals, on_signal = std::move(on_signal)](const std::stop_token& stop) {
    int number = 0;
    while (::sigwait(&signals, &number) == 0 && !stop.stop_requested()) on_signal();
  });
}

SignalWatch::~SignalWatch() {
  thread_.request_stop();
  ::pthread_kill(thread_.native_handle(), SIGTERM);  // blocked there: it only ends the wait
  thread_.join();
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

}  // namespace stagelog::cli
