// What the process takes of the machine, under the names that Prometheus' own client libraries use.
#ifndef STAGELOG_BASE_PROCESS_METRICS_H_
#define STAGELOG_BASE_PROCESS_METRICS_H_

#include "base/metrics.h"

namespace stagelog {

// process_resident_memory_bytes, process_open_fds, process_max_fds, process_threads,
// process_cpu_seconds_total and process_start_time_seconds, read when they are asked for
// (https://prometheus.io/docs/instrumenting/writing_clientlibs/, "Standard and runtime
// collectors"); and stagelog_build_info.
void AddProcessMetrics(MetricsRegistry& metrics);

}  // namespace stagelog

#endif  // STAGELOG_BASE_PROCESS_METRICS_H_
