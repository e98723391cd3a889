// The numbers that streaming shows under /metrics.
#ifndef STAGELOG_STREAM_STREAM_METRICS_H_
#define STAGELOG_STREAM_STREAM_METRICS_H_

#include <array>

#include "base/metrics.h"
#include "stream/subscriber.h"

namespace stagelog {

// Safe from any thread.
struct StreamMetrics {
  explicit StreamMetrics(MetricsRegistry& registry);

  Gauge& subscribers;
  Gauge& unsent_bytes;
  Gauge& kernel_bytes;
  Gauge& send_buffer_bytes;
  Counter& catch_ups;
  Counter& catch_up_pages;
  Counter& frames_sent;
  Counter& bytes_sent;
  Counter& heartbeats_sent;
  std::array<Counter*, kCloseReasonCount> closed;  // by CloseReason
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_STREAM_METRICS_H_
