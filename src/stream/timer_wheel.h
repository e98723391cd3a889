// Recurring timers, spread evenly over one period so that thousands of streams do not send
// heartbeats at once. One thread at a time.
#ifndef STAGELOG_STREAM_TIMER_WHEEL_H_
#define STAGELOG_STREAM_TIMER_WHEEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace stagelog {

class TimerWheel {
 public:
  // Every timer fires once per `period_micros`, in one of `slot_count` slots.
  TimerWheel(int64_t period_micros, size_t slot_count);

  // Puts `id` into a slot with the fewest timers and returns the slot. It is due for the first time
  // within one period of `now_micros`.
  size_t Add(uint64_t id, int64_t now_micros);
  void Remove(size_t slot, uint64_t id);

  // When the next slot that holds a timer is due; none when there is no timer at all.
  std::optional<int64_t> NextDueMicros() const;

  // Adds to `due` the timers that came due since the last call; each at most once, however late the
  // call is.
  void TakeDue(int64_t now_micros, std::vector<uint64_t>& due);

 private:
  size_t SlotOf(int64_t tick) const { return static_cast<size_t>(tick) % slots_.size(); }
  size_t LightestSlot();

  int64_t tick_micros_;
  int64_t ticked_ = 0;  // the last tick that was taken
  size_t timer_count_ = 0;
  size_t next_slot_ = 0;  // where the search for a light slot begins
  std::vector<std::vector<uint64_t>> slots_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_TIMER_WHEEL_H_
