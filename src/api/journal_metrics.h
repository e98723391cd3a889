// Metrics of jobs, gates and workers.
#ifndef STAGELOG_API_JOURNAL_METRICS_H_
#define STAGELOG_API_JOURNAL_METRICS_H_

#include <cstdint>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "core/job_source.h"
#include "core/liveness_monitor.h"

namespace stagelog {

// Counts only on request, when somebody reads the metrics. Safe from any thread.
class JournalMetrics {
 public:
  // The four outlive it.
  JournalMetrics(JobSource& jobs, const LivenessMonitor& liveness, Clock& clock,
                 MetricsRegistry& metrics);

  // Updates the gauges. Counting takes time proportional to the number of jobs: while that is a few
  // milliseconds it is done each time, else at most 5 % of the time is spent on it, and the gauges
  // are stale by that interval. Blocks on the disk. If the journal cannot be read the gauges keep
  // their values, and stagelog_census_failures_total is incremented.
  void Refresh();

 private:
  void Take(const JobCensus& census) STAGELOG_REQUIRES(mutex_);

  JobSource& jobs_;
  const LivenessMonitor& liveness_;
  Clock& clock_;
  MetricsRegistry& metrics_;
  Gauge& pending_gates_;
  Gauge& oldest_pending_seconds_;
  Counter& failures_total_;
  Mutex mutex_;
  int64_t next_count_micros_ STAGELOG_GUARDED_BY(mutex_) =
      INT64_MIN;  // monotonic; guarded by mutex_, as is the next
  int64_t oldest_pending_micros_ STAGELOG_GUARDED_BY(mutex_) = 0;  // wall clock; 0: none
};

}  // namespace stagelog

#endif  // STAGELOG_API_JOURNAL_METRICS_H_
