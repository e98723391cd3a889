// The bounds and times of streaming, each with its default.
#ifndef STAGELOG_STREAM_EVENT_STREAM_OPTIONS_H_
#define STAGELOG_STREAM_EVENT_STREAM_OPTIONS_H_

#include <cstddef>
#include <cstdint>

namespace stagelog {

struct EventStreamOptions {
  int64_t heartbeat_interval_ms = 5'000;
  int64_t stall_timeout_ms = 60'000;      // a subscriber that reads nothing for so long is closed
  int64_t retry_ms = 2'000;               // reconnect delay sent to the client
  int64_t read_retry_ms = 1'000;          // after the journal could not be read
  int64_t shutdown_flush_ms = 2'000;      // to send pending data when the daemon stops
  int64_t shutdown_retry_min_ms = 1'000;  // reconnects are spread over this span
  int64_t shutdown_retry_max_ms = 5'000;
  size_t all_jobs_ring_bytes = size_t{8} << 20;
  size_t job_ring_bytes = size_t{1} << 20;
  size_t round_bytes = size_t{256} << 10;   // put into the rings between two rounds of sending
  size_t turn_bytes = size_t{1} << 20;      // sent to one subscriber before the next
  size_t pending_bytes = size_t{64} << 20;  // of commits that wait for the stream thread
  size_t page_bytes = size_t{256} << 10;
  size_t page_events = 1'000;
  // SO_SNDBUF of one stream (the kernel doubles it). Without a bound it grows to megabytes for each
  // slow client, and sending slows down because the data in flight leaves the CPU cache. With less
  // than two loopback segments of 64 KiB every segment waits for a delayed acknowledgement. 0: no
  // bound.
  int send_buffer_bytes = 128 << 10;
  int reader_threads = 1;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_EVENT_STREAM_OPTIONS_H_
