// Lets the loop's thread do something that may block without stalling the loop for long.
#ifndef STAGELOG_HTTP_LOOP_HANDOFF_H_
#define STAGELOG_HTTP_LOOP_HANDOFF_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"
#include "http/event_loop.h"

namespace stagelog {

// The holder of the mutex runs the loop. The loop's own thread releases it for a commit, which
// takes a fraction of a millisecond; if it takes longer (slow disk, locked database), a standby
// thread acquires it and runs the loop until the other is back.
class LoopHandoff {
 public:
  // How long the loop may stand still before the standby takes over.
  static constexpr int64_t kStandbyDelayMicros = 2'000;

  // `run_once` is one turn of `loop`.
  LoopHandoff(EventLoop& loop, std::function<void()> run_once);
  ~LoopHandoff();

  // By the loop's own thread, before its first turn and after its last.
  void Acquire() { running_mutex_.lock(); }
  void Release() { running_mutex_.unlock(); }

  // Runs `work` between two turns. On the loop's own thread, while it holds the mutex.
  void RunOffLoop(const std::function<void()>& work);

  // Whether the standby runs the loop. On the thread that runs it.
  bool is_on_standby() const { return is_on_standby_; }

  // Ends the standby thread. After Release().
  void Stop();

 private:
  void RunStandby();
  void SetAlarm(int64_t micros) const;

  EventLoop& loop_;
  const std::function<void()> run_once_;
  const UniqueFd alarm_;  // a timerfd: the standby sleeps on it
  std::mutex running_mutex_;
  std::atomic<bool> is_on_standby_{false};  // the loop's own thread wants the seat back later
  std::atomic<bool> is_stopping_{false};
  std::thread standby_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_LOOP_HANDOFF_H_
