#include "stream/timer_wheel.h"

#include <algorithm>

#include "base/check.h"

namespace stagelog {

TimerWheel::TimerWheel(int64_t period_micros, size_t slot_count)
    : tick_micros_(std::max<int64_t>(1, period_micros / static_cast<int64_t>(slot_count))),
      slots_(slot_count) {}

size_t TimerWheel::LightestSlot() {
  size_t best = next_slot_;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const size_t slot = (next_slot_ + i) % slots_.size();
    if (slots_[slot].size() < slots_[best].size()) best = slot;
  }
  // A stride that shares no factor with 100 or any power of two scatters arrivals: neighbours in
  // time would otherwise sit in neighbouring slots and still beat as a burst.
  next_slot_ = (best + 37) % slots_.size();
  return best;
}

size_t TimerWheel::Add(uint64_t id, int64_t now_micros) {
  // A wheel that stood still while it was empty must not make up for the time.
  if (timer_count_ == 0) ticked_ = now_micros / tick_micros_;
  const size_t slot = LightestSlot();
  slots_[slot].push_back(id);
  ++timer_count_;
  return slot;
}

void TimerWheel::Remove(size_t slot, uint64_t id) {
  std::vector<uint64_t>& timers = slots_[slot];
  const auto found = std::find(timers.begin(), timers.end(), id);
  STAGELOG_CHECK(found != timers.end());
  *found = timers.back();
  timers.pop_back();
  --timer_count_;
}

std::optional<int64_t> TimerWheel::NextDueMicros() const {
  if (timer_count_ == 0) return std::nullopt;
  int64_t tick = ticked_ + 1;
  while (slots_[SlotOf(tick)].empty()) ++tick;
  return tick * tick_micros_;
}

void TimerWheel::TakeDue(int64_t now_micros, std::vector<uint64_t>& due) {
  const int64_t now_tick = now_micros / tick_micros_;
  const int64_t turn = static_cast<int64_t>(slots_.size());
  for (int64_t tick = std::max(ticked_ + 1, now_tick - turn + 1); tick <= now_tick; ++tick) {
    const std::vector<uint64_t>& timers = slots_[SlotOf(tick)];
    due.insert(due.end(), timers.begin(), timers.end());
  }
  ticked_ = std::max(ticked_, now_tick);
}

}  // namespace stagelog
