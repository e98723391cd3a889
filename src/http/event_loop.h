// One thread's loop over sockets, tasks from other threads, and timers.
#ifndef STAGELOG_HTTP_EVENT_LOOP_H_
#define STAGELOG_HTTP_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/unique_fd.h"

namespace stagelog {

// Post() and Wake() are safe from any thread; everything else belongs to the one that calls
// RunOnce().
class EventLoop {
 public:
  // Called with the id that a socket was added with, and epoll's events.
  using OnEvent = std::function<void(uint64_t id, uint32_t events)>;

  EventLoop(Clock& clock, OnEvent on_event);

  // Waits for a socket, a task or a timer, and runs all that are due: sockets, then tasks, then
  // timers. `after_each` runs after each of the three, so that work they leave behind is done
  // within the turn.
  void RunOnce(const std::function<void()>& after_each = nullptr);

  // Makes RunOnce() return from its wait. Safe from any thread.
  void Wake();

  // Runs `task` in the loop, after those posted before.
  void Post(std::function<void()> task);

  // Runs `task` in the loop when the monotonic clock has reached `at_micros`.
  void CallAt(int64_t at_micros, std::function<void()> task);

  // Watches `fd` level-triggered for `events`. `id` is not 0. A closed descriptor is forgotten by
  // itself.
  bool Add(int fd, uint64_t id, uint32_t events);
  void Modify(int fd, uint64_t id, uint32_t events);
  void Remove(int fd);

 private:
  struct Timer {
    int64_t at_micros;
    std::function<void()> task;
    bool operator>(const Timer& other) const { return at_micros > other.at_micros; }
  };

  void RunSockets();
  int FallAsleep();
  int WaitMillis() const;
  void RunTasks();
  void RunTimers();

  Clock& clock_;
  const OnEvent on_event_;
  UniqueFd epoll_;
  UniqueFd wake_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  Mutex mutex_;
  std::vector<std::function<void()>> tasks_
      STAGELOG_GUARDED_BY(mutex_);  // guarded by mutex_, as is the next
  bool is_asleep_ STAGELOG_GUARDED_BY(mutex_) =
      false;  // nothing looks at tasks_ before it is woken
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_EVENT_LOOP_H_
