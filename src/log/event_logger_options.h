// How the journal works.
#ifndef STAGELOG_LOG_EVENT_LOGGER_OPTIONS_H_
#define STAGELOG_LOG_EVENT_LOGGER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace stagelog {

struct EventLoggerOptions {
  std::string runs_dir = "runs";
  size_t open_files = 256;                // events.jsonl kept open
  size_t queue_bytes = size_t{64} << 20;  // of drafts that wait for the writer
  int64_t idle_sync_micros = 5'000'000;   // a file idle for so long is synced and stamped
  int64_t retry_micros = 1'000'000;       // between attempts to come back after a failure
  bool rebuild_states = false;            // fold every job anew at the first open
  size_t group_requests = 4'096;          // that go into one commit
  // A group with at least this many bytes of drafts is committed on another thread while the next
  // is staged.
  size_t overlap_bytes = size_t{64} << 10;
  // JobTables::Options
  int64_t table_delay_micros = 10'000;
  int64_t table_slice_micros = 5'000;
  int64_t max_table_lag_events = 200'000;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_EVENT_LOGGER_OPTIONS_H_
