// What the journal counts.
#ifndef STAGELOG_LOG_WRITER_METRICS_H_
#define STAGELOG_LOG_WRITER_METRICS_H_

#include <string>

#include "base/file_system.h"
#include "base/metrics.h"
#include "log/journal_health.h"

namespace stagelog {

struct WriterMetrics {
  // Adds the gauges too. What is referred to outlives the registry's last rendering.
  WriterMetrics(MetricsRegistry& metrics, FileSystem& files, const std::string& database_path,
                const JournalHealth& health);

  Counter& events_total;
  Counter& duplicates_total;
  Counter& batches_total;
  Counter& failures_total;
  Histogram& commit_seconds;
  Histogram& append_seconds;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_WRITER_METRICS_H_
