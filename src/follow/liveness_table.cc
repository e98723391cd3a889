#include "follow/liveness_table.h"

#include "base/mutex.h"

namespace stagelog {
namespace {

constexpr int64_t kSilenceMicros = 3'600'000'000;
// A full table is looked through once in so long: a flood of made-up jobs costs no more than that.
constexpr int64_t kBetweenSweepsMicros = 60'000'000;

bool ComesFromWorker(EventType kind) {
  switch (kind) {
    case EventType::kGateApproved:
    case EventType::kGateRejected:
    case EventType::kGateAutoApproved:
    case EventType::kGateExpired:
    case EventType::kJobCanceled:
      return false;
    default:
      return true;
  }
}

}  // namespace

void LivenessTable::OnHeartbeat(const std::string& job_id, int64_t interval_micros) {
  const int64_t now = clock_.MonotonicMicros();
  const MutexLock lock(mutex_);
  HeartbeatRhythm* rhythm = FindOrAdd(job_id, now);
  if (rhythm != nullptr) rhythm->OnHeartbeat(now, interval_micros);
}

Liveness LivenessTable::GetLiveness(const std::string& job_id) const {
  const int64_t now = clock_.MonotonicMicros();
  const MutexLock lock(mutex_);
  const auto found = rhythms_.find(job_id);
  return found == rhythms_.end() ? Liveness::kUnknown : found->second.Judge(now);
}

std::array<int64_t, kLivenessCount> LivenessTable::CountWorkers() const {
  const int64_t now = clock_.MonotonicMicros();
  std::array<int64_t, kLivenessCount> counts{};
  const MutexLock lock(mutex_);
  for (const auto& [job_id, rhythm] : rhythms_) ++counts[static_cast<size_t>(rhythm.Judge(now))];
  return counts;
}

void LivenessTable::OnCommit(const CommittedBatchPointer& batch) {
  const int64_t now = clock_.MonotonicMicros();
  const MutexLock lock(mutex_);
  for (const CommittedEvent& event : batch->events) {
    if (event.job_over) {
      rhythms_.erase(event.job_id);
    } else if (ComesFromWorker(event.kind)) {
      HeartbeatRhythm* rhythm = FindOrAdd(event.job_id, now);
      if (rhythm != nullptr) rhythm->OnActivity(now);
    }
  }
}

void LivenessTable::OnJobDeleted(const std::string& job_id, int64_t /*seq*/) {
  const MutexLock lock(mutex_);
  rhythms_.erase(job_id);
}

// Null when the table is full.
HeartbeatRhythm* LivenessTable::FindOrAdd(const std::string& job_id, int64_t now_micros) {
  const auto found = rhythms_.find(job_id);
  if (found != rhythms_.end()) return &found->second;
  if (rhythms_.size() >= max_jobs_) DropSilent(now_micros);
  return rhythms_.size() < max_jobs_ ? &rhythms_[job_id] : nullptr;
}

void LivenessTable::DropSilent(int64_t now_micros) {
  if (now_micros < next_sweep_micros_) return;
  next_sweep_micros_ = now_micros + kBetweenSweepsMicros;
  std::erase_if(rhythms_, [now_micros](const auto& entry) {
    return now_micros - entry.second.last_activity_micros() > kSilenceMicros;
  });
}

}  // namespace stagelog
