#include "stream/stream_metrics.h"

#include <string>

namespace stagelog {

StreamMetrics::StreamMetrics(MetricsRegistry& registry)
    : subscribers(registry.GetGauge("stagelog_subscribers", "Open streams.")),
      unsent_bytes(registry.GetGauge("stagelog_unsent_bytes",
                                     "Bytes waiting to be written to stream sockets.")),
      kernel_bytes(registry.GetGauge("stagelog_stream_kernel_bytes",
                                     "Bytes in kernel buffers of slow streams, as of "
                                     "each stream's last heartbeat.")),
      send_buffer_bytes(registry.GetGauge("stagelog_stream_send_buffer_bytes",
                                          "Largest kernel buffer of a single stream.")),
      catch_ups(registry.GetCounter("stagelog_catch_ups_total",
                                    "Times a stream fell back to reading from the journal.")),
      catch_up_pages(registry.GetCounter("stagelog_catch_up_pages_total",
                                         "Pages of the journal read for streams.")),
      frames_sent(
          registry.GetCounter("stagelog_frames_sent_total", "Journal events sent on all streams.")),
      bytes_sent(
          registry.GetCounter("stagelog_stream_bytes_sent_total", "Bytes sent on all streams.")),
      heartbeats_sent(registry.GetCounter("stagelog_heartbeats_sent_total",
                                          "Heartbeats sent on all streams.")) {
  for (size_t i = 0; i < kCloseReasonCount; ++i) {
    const std::string_view reason = CloseReasonName(static_cast<CloseReason>(i));
    closed[i] =
        &registry.GetCounter("stagelog_subscribers_closed_total", "Streams closed, by reason.",
                             "reason=\"" + std::string(reason) + "\"");
  }
}

}  // namespace stagelog
