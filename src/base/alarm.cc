#include "base/alarm.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/check.h"

namespace stagelog {
namespace {

// A time of 0 would disarm the timer.
constexpr int64_t kEarliestMicros = 1;

void Arm(int timer, int64_t micros) {
  itimerspec when{};
  if (micros != Alarm::kNever) {
    const int64_t at = std::max(micros, kEarliestMicros);
    when.it_value.tv_sec = at / 1'000'000;
    when.it_value.tv_nsec = at % 1'000'000 * 1'000;
  }
  STAGELOG_CHECK(::timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr) == 0);
}

}  // namespace

Alarm::Alarm()
    : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      boot_timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK)),
      wall_timer_(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)) {
  STAGELOG_CHECK(wake_.valid() && boot_timer_.valid() && wall_timer_.valid());
}

void Alarm::Wake() {
  const uint64_t one = 1;
  // Where it is full, the sleeper is woken all the same.
  static_cast<void>(!::write(wake_.get(), &one, sizeof(one)));
}

void Alarm::Sleep(int64_t boot_micros, int64_t wall_micros) {
  Arm(boot_timer_.get(), boot_micros);
  Arm(wall_timer_.get(), wall_micros);
  std::array<pollfd, 3> sources = {pollfd{wake_.get(), POLLIN, 0},
                                   pollfd{boot_timer_.get(), POLLIN, 0},
                                   pollfd{wall_timer_.get(), POLLIN, 0}};
  const int ready = ::poll(sources.data(), sources.size(), -1);
  STAGELOG_CHECK(ready >= 0 || errno == EINTR);
  uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof(count)));
}

}  // namespace stagelog
