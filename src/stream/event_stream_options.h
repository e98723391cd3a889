// The bounds and times of streaming, each with its default.
#ifndef STAGELOG_STREAM_EVENT_STREAM_OPTIONS_H_
#define STAGELOG_STREAM_EVENT_STREAM_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace stagelog {

struct EventStreamOptions {
  int64_t heartbeat_interval_ms = 5'000;
  int64_t stall_timeout_ms = 60'000;      // one that takes nothing for so long is closed
  int64_t retry_ms = 2'000;               // what a client is told to wait before it reconnects
  int64_t read_retry_ms = 1'000;          // after the journal could not be read
  int64_t shutdown_flush_ms = 2'000;      // for what is in hand when the daemon stops
  int64_t shutdown_retry_min_ms = 1'000;  // clients come back spread over this span
  int64_t shutdown_retry_max_ms = 5'000;
  size_t all_jobs_ring_bytes = size_t{8} << 20;
  size_t job_ring_bytes = size_t{1} << 20;
  size_t round_bytes = size_t{256} << 10;   // put into the rings between two rounds of sending
  size_t turn_bytes = size_t{1} << 20;      // sent to a subscriber before it is another one's turn
  size_t pending_bytes = size_t{64} << 20;  // of commits that wait for the stream thread
  size_t page_bytes = size_t{256} << 10;
  size_t page_events = 1'000;
  // What the kernel may hold for one stream (SO_SNDBUF, of which it grants the double). Without a
  // bound it grows to megabytes for each that is slow, and sending gets slower, as what is on its
  // way leaves the processor's cache. With less than two of loopback's segments of 64 KiB each one
  // waits for a delayed acknowledgement. 0: no bound.
  int send_buffer_bytes = 128 << 10;
  int reader_threads = 1;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_EVENT_STREAM_OPTIONS_H_
