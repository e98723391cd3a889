#include "log/append_queue.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "base/mutex.h"

namespace stagelog {

size_t SizeOf(const std::vector<EventDraft>& drafts) {
  size_t bytes = 0;
  for (const EventDraft& draft : drafts) {
    bytes += sizeof(EventDraft) + draft.message.size() + draft.payload.size();
  }
  return bytes;
}

AppendQueue::Admission AppendQueue::Push(AppendRequest& request, bool wakes) {
  const MutexLock lock(mutex_);
  if (is_stopping_) return Admission::kStopping;
  if (bytes_ > 0 && bytes_ + request.bytes > max_bytes_) return Admission::kFull;
  bytes_ += request.bytes;
  requests_.push_back(std::move(request));
  if (wakes) wake_.notify_one();
  return Admission::kTaken;
}

std::vector<AppendRequest> AppendQueue::Take(size_t max_requests) {
  const MutexLock lock(mutex_);
  std::vector<AppendRequest> group;
  if (requests_.size() <= max_requests) {
    group.swap(requests_);
  } else {
    const auto end = requests_.begin() + static_cast<std::ptrdiff_t>(max_requests);
    group.assign(std::make_move_iterator(requests_.begin()), std::make_move_iterator(end));
    requests_.erase(requests_.begin(), end);
  }
  for (const AppendRequest& request : group) bytes_ -= request.bytes;
  return group;
}

void AppendQueue::Wait(Clock& clock) {
  MutexLock lock(mutex_);
  while (requests_.empty() && !was_woken_ && !is_stopping_) {
    if (timer_micros_ == INT64_MAX) {
      wake_.wait(lock);
      continue;
    }
    const int64_t left = timer_micros_ - clock.MonotonicMicros();
    if (left <= 0) break;
    wake_.wait_for(lock, std::chrono::microseconds(left));
  }
  was_woken_ = false;
}

bool AppendQueue::WaitForRequest() {
  MutexLock lock(mutex_);
  wake_.wait(lock, [this]() STAGELOG_REQUIRES(mutex_) {
    return !requests_.empty() || was_woken_ || is_stopping_;
  });
  was_woken_ = false;
  return !is_stopping_;
}

void AppendQueue::Wake() {
  const MutexLock lock(mutex_);
  was_woken_ = true;
  wake_.notify_one();
}

void AppendQueue::SetTimer(int64_t at_micros) {
  const MutexLock lock(mutex_);
  const bool is_earlier = at_micros < timer_micros_;
  timer_micros_ = at_micros;
  if (is_earlier) wake_.notify_one();
}

void AppendQueue::Stop() {
  const MutexLock lock(mutex_);
  is_stopping_ = true;
  wake_.notify_one();
}

bool AppendQueue::IsStoppedAndEmpty() const {
  const MutexLock lock(mutex_);
  return is_stopping_ && requests_.empty();
}

size_t AppendQueue::size() const {
  const MutexLock lock(mutex_);
  return requests_.size();
}

size_t AppendQueue::bytes() const {
  const MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace stagelog
