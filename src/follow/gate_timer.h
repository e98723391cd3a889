// Decides gates that nobody has decided in time.
#ifndef STAGELOG_FOLLOW_GATE_TIMER_H_
#define STAGELOG_FOLLOW_GATE_TIMER_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "core/ports.h"

namespace stagelog {

// One thread, which keeps no list of gates: it asks the journal for those that expire next, appends
// a decision for each whose time is up, and sleeps until the next one's time or until a gate is
// opened. A decision is an event like any other; its precondition makes it the loser when a person
// was faster. Gates that expired while no daemon ran are decided at the start. While the journal
// takes nothing, it tries once a second.
class GateTimer : public CommitListener {
 public:
  // The three outlive the timer.
  GateTimer(EventAppender& appender, JobSource& source, Clock& clock);
  ~GateTimer() override;  // as Stop()

  // Starts the thread. It sleeps by the machine's wall clock, so `clock` must be that one.
  void Start();

  // Waits for the thread, but for no append: one that is under way ends without the timer.
  // Idempotent.
  void Stop();

  // One turn: waits (if it may) until there is something to do and does it. False when stopped.
  // Tests call it themselves instead of Start().
  bool RunOnce(bool may_wait = true);

  void OnCommit(const CommittedBatchPointer& batch) override;

 private:
  // What the writer's thread touches. The callbacks of appends hold on to it.
  struct Shared;

  // With the lock held.
  bool IsDue();
  void Sleep(std::unique_lock<std::mutex>& lock);

  void Look();
  void LeaveOutDecided(std::vector<GateListing>& gates);
  void Decide(const GateListing& gate);
  void RetryLater(const std::string& problem);

  EventAppender& appender_;
  JobSource& source_;
  Clock& clock_;
  const std::shared_ptr<Shared> shared_;

  // The thread's own.
  int64_t next_expiry_micros_ = INT64_MAX;  // wall clock; INT64_MAX: nothing will expire
  std::optional<int64_t> retry_at_micros_;  // monotonic; after a failure
  bool is_outage_ = false;                  // and the log knows of it

  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_GATE_TIMER_H_
