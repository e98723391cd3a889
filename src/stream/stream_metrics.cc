#include "stream/stream_metrics.h"

#include <string>

namespace stagelog {

StreamMetrics::StreamMetrics(MetricsRegistry& registry)
    : subscribers(registry.GetGauge("stagelog_subscribers", "Open streams.")),
      unsent_bytes(registry.GetGauge("stagelog_unsent_bytes",
                                     "Bytes in hand that the streams' sockets have not taken.")),
      kernel_bytes(registry.GetGauge("stagelog_stream_kernel_bytes",
                                     "Bytes that the kernel holds for streams that are slow, as of "
                                     "each one's last heartbeat.")),
      send_buffer_bytes(registry.GetGauge("stagelog_stream_send_buffer_bytes",
                                          "The most that the kernel holds for one stream.")),
      catch_ups(registry.GetCounter("stagelog_catch_ups_total",
                                    "Times that a stream began to be fed from the journal.")),
      catch_up_pages(registry.GetCounter("stagelog_catch_up_pages_total",
                                         "Pages of the journal read for streams.")),
      frames_sent(registry.GetCounter("stagelog_frames_sent_total",
                                      "Journal events sent, over all streams.")),
      bytes_sent(
          registry.GetCounter("stagelog_stream_bytes_sent_total", "Bytes sent on all streams.")),
      heartbeats_sent(
          registry.GetCounter("stagelog_heartbeats_sent_total", "Heartbeats put on streams.")) {
  for (size_t i = 0; i < kCloseReasonCount; ++i) {
    const std::string_view reason = CloseReasonName(static_cast<CloseReason>(i));
    closed[i] =
        &registry.GetCounter("stagelog_subscribers_closed_total", "Streams closed, by reason.",
                             "reason=\"" + std::string(reason) + "\"");
  }
}

}  // namespace stagelog
