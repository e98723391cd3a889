// Which workers are alive, for all jobs: an overlay in memory, empty after a start.
#ifndef STAGELOG_FOLLOW_LIVENESS_TABLE_H_
#define STAGELOG_FOLLOW_LIVENESS_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "core/commit_listener.h"
#include "core/liveness.h"
#include "core/liveness_monitor.h"

namespace stagelog {

// Safe from any thread. Holds no thread of its own.
class LivenessTable : public LivenessMonitor, public CommitListener {
 public:
  // Keeps at most `max_jobs` jobs. When full, jobs silent for an hour are evicted; if there are
  // none, new jobs stay unknown.
  explicit LivenessTable(Clock& clock, size_t max_jobs = 100'000)
      : clock_(clock), max_jobs_(max_jobs) {}

  void OnHeartbeat(const std::string& job_id, int64_t interval_micros) override;

  // Unknown for a terminal job and for one without any activity.
  Liveness GetLiveness(const std::string& job_id) const override;

  // Looks at each job in the table: some milliseconds when it is full.
  std::array<int64_t, kLivenessCount> CountWorkers() const override;

  // Every event is a sign of life of its job but for what people and the gate timer decide. The end
  // of a job takes it out of the table.
  void OnCommit(const CommittedBatchPointer& batch) override;
  void OnJobDeleted(const std::string& job_id, int64_t seq) override;

 private:
  HeartbeatRhythm* FindOrAdd(const std::string& job_id, int64_t now_micros)
      STAGELOG_REQUIRES(mutex_);
  void DropSilent(int64_t now_micros) STAGELOG_REQUIRES(mutex_);

  Clock& clock_;
  const size_t max_jobs_;
  mutable Mutex mutex_;
  std::unordered_map<std::string, HeartbeatRhythm> rhythms_
      STAGELOG_GUARDED_BY(mutex_);  // guarded by mutex_, as is the next
  int64_t next_sweep_micros_ STAGELOG_GUARDED_BY(mutex_) = INT64_MIN;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_LIVENESS_TABLE_H_
