// Events as no sane emitter sends them, the same ones for the same seed.
#ifndef STAGELOG_TESTS_SUPPORT_RANDOM_EVENTS_H_
#define STAGELOG_TESTS_SUPPORT_RANDOM_EVENTS_H_

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/event.h"

namespace stagelog {

// Jobs live long here (an end is rare and often followed by a resumption), stages nest and repeat,
// gates open and close, and a good part of everything is illegal or absurd.
class RandomEvents {
 public:
  explicit RandomEvents(uint64_t seed, std::vector<std::string> jobs = {"a", "b", "c", "d"});

  // Without an event_id.
  EventDraft Next();
  EventDraft NextOf(const std::string& job_id);

  // From here on most events say when they occurred: up to an hour before or (some) after
  // `around_micros`, or what no clock says. The other parts of the events stay the same.
  void TellTimesAround(int64_t around_micros) { around_micros_ = around_micros; }

  // 0 to `bound` - 1.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Happens(unsigned percent) { return Below(100) < percent; }

 private:
  std::optional<int64_t> Time();
  std::string Type();
  std::string Figure();
  std::string Payload(EventType type);
  std::string ProgressPayload();
  std::string Pick(const std::vector<std::string>& list) { return list[Below(list.size())]; }

  std::mt19937_64 random_;
  std::mt19937_64 times_;
  int64_t around_micros_ = 0;  // 0: no event says when it occurred
  std::vector<std::string> jobs_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_RANDOM_EVENTS_H_
