// Lets the thread of a loop do something that may block, without the loop standing still for long.
#ifndef STAGELOG_HTTP_LOOP_SEAT_H_
#define STAGELOG_HTTP_LOOP_SEAT_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"
#include "http/event_loop.h"

namespace stagelog {

// Who sits runs the loop. The loop's own thread steps aside for a commit, which takes a fraction of
// a millisecond; when it takes longer (the disk is busy, the database locked), a standby thread
// sits down and runs the loop until the other is back.
class LoopSeat {
 public:
  // How long the seat may stay empty.
  static constexpr int64_t kPatienceMicros = 2'000;

  // `run_once` is one turn of `loop`.
  LoopSeat(EventLoop& loop, std::function<void()> run_once);
  ~LoopSeat();

  // By the loop's own thread, before its first turn and after its last.
  void Sit() { seat_.lock(); }
  void Leave() { seat_.unlock(); }

  // Runs `work` between two turns. By the loop's own thread, while it sits.
  void StepAside(const std::function<void()>& work);

  // Whether the standby is the one that sits. By who sits.
  bool is_aside() const { return is_aside_; }

  // Ends the standby thread. After Leave().
  void Stop();

 private:
  void StandBy();
  void SetAlarm(int64_t micros) const;

  EventLoop& loop_;
  const std::function<void()> run_once_;
  const UniqueFd alarm_;  // a timerfd: the standby sleeps on it
  std::mutex seat_;
  std::atomic<bool> is_aside_{false};  // the loop's own thread wants the seat back later
  std::atomic<bool> is_stopping_{false};
  std::thread standby_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_LOOP_SEAT_H_
