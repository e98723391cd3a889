#include "stream/commit_backlog.h"

#include <utility>

namespace stagelog {

void CommitBacklog::Clear() {
  batches_.clear();
  held_.clear();
  round_.clear();
  next_event_ = 0;
}

const std::vector<const CommittedEvent*>& CommitBacklog::TakeRound(size_t max_bytes,
                                                                   int64_t after) {
  held_.clear();
  round_.clear();
  size_t bytes = 0;
  while (!batches_.empty() && bytes < max_bytes) {
    const std::vector<CommittedEvent>& events = batches_.front()->events;
    for (; next_event_ < events.size() && bytes < max_bytes; ++next_event_) {
      bytes += events[next_event_].body.size();
      if (events[next_event_].seq > after) round_.push_back(&events[next_event_]);
    }
    if (held_.empty() || held_.back() != batches_.front()) held_.push_back(batches_.front());
    if (next_event_ < events.size()) break;
    batches_.pop_front();
    next_event_ = 0;
  }
  worked_off_bytes_ += bytes;
  return round_;
}

size_t CommitBacklog::TakeWorkedOffBytes() { return std::exchange(worked_off_bytes_, 0); }

}  // namespace stagelog
