#include "http/long_polls.h"

#include <algorithm>

namespace stagelog {
namespace {

bool Concerns(const CommittedEvent& event, const ParkedPoll& poll) {
  if (event.seq <= poll.scanned_through) return false;
  if (poll.job_id && event.job_id != *poll.job_id) return false;
  return poll.filter.Matches(event.body);
}

}  // namespace

void LongPolls::Connect(PostTask post, CallAt call_at) {
  post_ = std::move(post);
  call_at_ = std::move(call_at);
}

void LongPolls::Park(ParkedPoll poll) {
  post_([this, poll = std::move(poll)]() mutable { ParkOnLoop(std::move(poll)); });
}

void LongPolls::ParkOnLoop(ParkedPoll poll) {
  if (released_) return poll.wake(false);
  // The count is raised before the head is looked at, and OnCommit() does it the other way round:
  // one of the two sees a commit that happens just now.
  ++parked_count_;
  if (head_seq_ > poll.scanned_through) {
    --parked_count_;
    return poll.wake(true);
  }
  const uint64_t id = next_id_++;
  call_at_(poll.deadline_micros, [this, id] { Wake(id, false); });
  parked_.emplace(id, std::move(poll));
}

void LongPolls::ReleaseAll() {
  post_([this] {
    released_ = true;
    while (!parked_.empty()) Wake(parked_.begin()->first, false);
  });
}

void LongPolls::OnCommit(const CommittedBatchPointer& batch) {
  head_seq_ = batch->events.back().seq;
  if (parked_count_ == 0) return;
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = batches_.empty();
    batches_.push_back(batch);
  }
  if (was_empty) post_([this] { TakeBatches(); });
}

void LongPolls::TakeBatches() {
  std::vector<CommittedBatchPointer> batches;
  {
    const std::lock_guard lock(mutex_);
    batches.swap(batches_);
  }
  std::vector<uint64_t> concerned;
  for (const auto& [id, poll] : parked_) {
    const bool any = std::any_of(batches.begin(), batches.end(), [&](const auto& batch) {
      return std::any_of(batch->events.begin(), batch->events.end(),
                         [&](const CommittedEvent& event) { return Concerns(event, poll); });
    });
    if (any) concerned.push_back(id);
  }
  for (const uint64_t id : concerned) Wake(id, true);
}

void LongPolls::Wake(uint64_t id, bool something_came) {
  const auto found = parked_.find(id);
  if (found == parked_.end()) return;
  const ParkedPoll poll = std::move(found->second);
  parked_.erase(found);
  --parked_count_;
  poll.wake(something_came);
}

}  // namespace stagelog
