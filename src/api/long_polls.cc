#include "api/long_polls.h"

#include <algorithm>

#include "base/mutex.h"

namespace stagelog {
namespace {

// Events looked at for parked polls before the loop gets on with its other work.
constexpr size_t kMatchesAtOnce = 20'000;

bool Concerns(const CommittedEvent& event, const FilterSubject& subject, const ParkedPoll& poll) {
  if (event.seq <= poll.scanned_through) return false;
  if (poll.job_id && event.job_id != *poll.job_id) return false;
  return poll.filter.empty() || poll.filter.Matches(subject);
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
  if (parked_.size() >= forget_at_) ForgetCanceled();
  const uint64_t id = next_id_++;
  call_at_(poll.deadline_micros, [this, id] { Wake(id, false); });
  parked_.emplace(id, std::move(poll));
}

// So there are never many more than twice as many as clients that wait.
void LongPolls::ForgetCanceled() {
  const size_t forgotten = std::erase_if(parked_, [](const auto& entry) {
    const ParkedPoll& poll = entry.second;
    return poll.canceled && *poll.canceled;
  });
  parked_count_ -= static_cast<int64_t>(forgotten);
  forget_at_ = std::max(kForgetAtLeast, 2 * parked_.size());
}

void LongPolls::ReleaseAll() {
  post_([this] {
    released_ = true;
    while (!parked_.empty()) Wake(parked_.begin()->first, false);
  });
}

void LongPolls::ReleaseParked() {
  post_([this] {
    std::vector<uint64_t> ids;
    for (const auto& [id, poll] : parked_) ids.push_back(id);
    for (const uint64_t id : ids) Wake(id, false);
  });
}

void LongPolls::OnCommit(const CommittedBatchPointer& batch) {
  head_seq_ = batch->events.back().seq;
  if (parked_count_ == 0) return;
  bool was_empty = false;
  {
    const MutexLock lock(mutex_);
    was_empty = batches_.empty();
    batches_.push_back(batch);
  }
  if (was_empty) post_([this] { TakeBatches(); });
}

void LongPolls::OnJobDeleted(const std::string& job_id, int64_t seq) {
  head_seq_ = std::max(head_seq_.load(), seq);
  if (parked_count_ == 0) return;
  post_([this, job_id] {
    std::vector<uint64_t> ids;
    for (const auto& [id, poll] : parked_) {
      if (poll.job_id == job_id) ids.push_back(id);
    }
    for (const uint64_t id : ids) Wake(id, true);
  });
}

void LongPolls::TakeBatches() {
  if (matching_) return;  // comes back when that is done
  Matching matching;
  {
    const MutexLock lock(mutex_);
    matching.batches.swap(batches_);
  }
  if (matching.batches.empty()) return;
  for (const CommittedBatchPointer& batch : matching.batches) {
    for (const CommittedEvent& event : batch->events) {
      matching.events.emplace_back(&event, FilterSubject(event.body));
    }
  }
  for (const auto& [id, poll] : parked_) matching.polls.push_back(id);
  matching_ = std::move(matching);
  MatchOn();
}

void LongPolls::MatchOn() {
  for (size_t looked = 0; looked < kMatchesAtOnce && !matching_->polls.empty();) {
    const uint64_t id = matching_->polls.back();
    matching_->polls.pop_back();
    const auto poll = parked_.find(id);
    if (poll == parked_.end()) continue;
    if (poll->second.canceled && *poll->second.canceled) {
      parked_.erase(poll);
      --parked_count_;
      continue;
    }
    const auto& events = matching_->events;
    const bool any = std::any_of(events.begin(), events.end(), [&](const auto& event) {
      return Concerns(*event.first, event.second, poll->second);
    });
    looked += events.size();
    if (any) Wake(id, true);
  }
  if (!matching_->polls.empty()) return post_([this] { MatchOn(); });
  matching_.reset();
  TakeBatches();
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
