#include "http/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/mutex.h"

namespace stagelog {
namespace {

constexpr uint64_t kWakeId = 0;

}  // namespace

EventLoop::EventLoop(Clock& clock, OnEvent on_event)
    : clock_(clock),
      on_event_(std::move(on_event)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  STAGELOG_CHECK(epoll_.valid() && wake_.valid());
  STAGELOG_CHECK(Add(wake_.get(), kWakeId, EPOLLIN));
}

void EventLoop::RunOnce(const std::function<void()>& after_each) {
  for (const auto run : {&EventLoop::RunSockets, &EventLoop::RunTasks, &EventLoop::RunTimers}) {
    (this->*run)();
    if (after_each) after_each();
  }
}

void EventLoop::RunSockets() {
  std::array<epoll_event, 256> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), FallAsleep());
  {
    const MutexLock lock(mutex_);
    is_asleep_ = false;
  }
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.u64 == kWakeId) {
      uint64_t ignored = 0;
      static_cast<void>(::read(wake_.get(), &ignored, sizeof(ignored)));
    } else {
      on_event_(event.data.u64, event.events);
    }
  }
}

// How long to wait, in milliseconds.
int EventLoop::FallAsleep() {
  const MutexLock lock(mutex_);
  is_asleep_ = tasks_.empty();
  return is_asleep_ ? WaitMillis() : 0;
}

int EventLoop::WaitMillis() const {
  if (timers_.empty()) return -1;
  const int64_t left = timers_.top().at_micros - clock_.MonotonicMicros();
  return static_cast<int>(std::clamp<int64_t>((left + 999) / 1000, 0, 3'600'000));
}

void EventLoop::Post(std::function<void()> task) {
  bool is_first = false;
  {
    const MutexLock lock(mutex_);
    is_first = is_asleep_ && tasks_.empty();
    tasks_.push_back(std::move(task));
  }
  if (is_first) Wake();
}

void EventLoop::Wake() {
  const uint64_t one = 1;
  static_cast<void>(::write(wake_.get(), &one, sizeof(one)));
}

void EventLoop::RunTasks() {
  std::vector<std::function<void()>> tasks;
  {
    const MutexLock lock(mutex_);
    tasks.swap(tasks_);
  }
  for (const std::function<void()>& task : tasks) task();
}

void EventLoop::CallAt(int64_t at_micros, std::function<void()> task) {
  timers_.push({at_micros, std::move(task)});
}

void EventLoop::RunTimers() {
  while (!timers_.empty() && timers_.top().at_micros <= clock_.MonotonicMicros()) {
    const std::function<void()> task = timers_.top().task;
    timers_.pop();
    task();
  }
}

bool EventLoop::Add(int fd, uint64_t id, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::Modify(int fd, uint64_t id, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Remove(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

}  // namespace stagelog
