#include "http/loop_handoff.h"

#include <pthread.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <utility>

#include "base/check.h"

namespace stagelog {

LoopHandoff::LoopHandoff(EventLoop& loop, std::function<void()> run_once)
    : loop_(loop),
      run_once_(std::move(run_once)),
      alarm_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)) {
  STAGELOG_CHECK(alarm_.valid());
  standby_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "standby");
    RunStandby();
  });
}

LoopHandoff::~LoopHandoff() { Stop(); }

void LoopHandoff::RunOffLoop(const std::function<void()>& work) {
  STAGELOG_CHECK(!is_on_standby_);
  is_on_standby_ = true;
  SetAlarm(kStandbyDelayMicros);
  running_mutex_.unlock();
  work();
  SetAlarm(0);
  is_on_standby_ = false;
  if (!running_mutex_.try_lock()) {
    loop_.Wake();  // the standby may be waiting for a socket
    running_mutex_.lock();
  }
}

void LoopHandoff::Stop() {
  if (!standby_.joinable()) return;
  is_stopping_ = true;
  SetAlarm(1);
  standby_.join();
}

void LoopHandoff::RunStandby() {
  while (!is_stopping_) {
    uint64_t times = 0;
    static_cast<void>(::read(alarm_.get(), &times, sizeof(times)));
    const std::lock_guard seat(running_mutex_);
    while (is_on_standby_) run_once_();
  }
}

// 0: no alarm.
void LoopHandoff::SetAlarm(int64_t micros) const {
  itimerspec when{};
  when.it_value.tv_sec = micros / 1'000'000;
  when.it_value.tv_nsec = micros % 1'000'000 * 1'000;
  STAGELOG_CHECK(::timerfd_settime(alarm_.get(), 0, &when, nullptr) == 0);
}

}  // namespace stagelog
