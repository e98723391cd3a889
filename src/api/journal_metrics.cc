#include "api/journal_metrics.h"

#include <algorithm>
#include <string>

#include "base/mutex.h"

namespace stagelog {
namespace {

constexpr int64_t kCheapMicros = 5'000;
constexpr int64_t kRestFactor = 20;

std::string Label(const char* name, std::string_view value) {
  return std::string(name) + "=\"" + EscapeLabelValue(value) + "\"";
}

Gauge& JobsGauge(MetricsRegistry& metrics, std::string_view status) {
  return metrics.GetGauge("stagelog_jobs", "Jobs by status.", Label("status", status));
}

Gauge& WorkersGauge(MetricsRegistry& metrics, Liveness liveness) {
  return metrics.GetGauge("stagelog_workers",
                          "Active jobs by worker liveness, as known since the daemon started; "
                          "lost: three heartbeats missed.",
                          Label("liveness", LivenessName(liveness)));
}

}  // namespace

JournalMetrics::JournalMetrics(JobSource& jobs, const LivenessMonitor& liveness, Clock& clock,
                               MetricsRegistry& metrics)
    : jobs_(jobs),
      liveness_(liveness),
      clock_(clock),
      metrics_(metrics),
      pending_gates_(metrics.GetGauge("stagelog_pending_gates", "Gates waiting for a decision.")),
      oldest_pending_seconds_(
          metrics.GetGauge("stagelog_oldest_pending_gate_age_seconds",
                           "Age of the oldest pending gate; 0 if there is none.")),
      failures_total_(metrics.GetCounter("stagelog_census_failures_total",
                                         "Failed attempts to count jobs and gates.")) {}

void JournalMetrics::Refresh() {
  const MutexLock lock(mutex_);
  const int64_t start = clock_.MonotonicMicros();
  if (start >= next_count_micros_) {
    const Result<JobCensus> census = jobs_.CountJobs();
    if (census) {
      Take(*census);
    } else {
      failures_total_.Add();
    }
    const auto workers = liveness_.CountWorkers();
    for (size_t i = 0; i < workers.size(); ++i) {
      WorkersGauge(metrics_, static_cast<Liveness>(i)).Set(workers[i]);
    }
    const int64_t end = clock_.MonotonicMicros();
    const int64_t took = end - start;
    next_count_micros_ = took <= kCheapMicros ? INT64_MIN : end + took * kRestFactor;
  }
  const int64_t age_micros =
      oldest_pending_micros_ == 0 ? 0 : clock_.WallMicros() - oldest_pending_micros_;
  oldest_pending_seconds_.Set(std::max<int64_t>(0, age_micros) / 1'000'000);
}

void JournalMetrics::Take(const JobCensus& census) {
  // Each gauge is set once: another scrape may be reading them.
  for (const std::string_view status : JobStatusNames()) {
    const auto found = std::find_if(census.jobs.begin(), census.jobs.end(),
                                    [&](const auto& row) { return row.first == status; });
    JobsGauge(metrics_, status).Set(found == census.jobs.end() ? 0 : found->second);
  }
  pending_gates_.Set(census.pending_gates);
  oldest_pending_micros_ = census.oldest_pending_micros;
}

}  // namespace stagelog
