// Reads committed events.
#ifndef STAGELOG_CORE_EVENT_SOURCE_H_
#define STAGELOG_CORE_EVENT_SOURCE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/query.h"

namespace stagelog {

// One page of the log.
struct ReadRequest {
  std::optional<std::string> job_id;  // none: the events of all jobs
  int64_t after = 0;                  // events with a greater seq
  EventFilter filter;
  size_t max_events = 100;
  size_t max_bytes = size_t{1} << 20;  // of bodies; at least one event is returned all the same
  bool newest = false;                 // the last `max_events` that match, instead of the first
  int64_t max_micros = 250'000;        // a filtered search stops after this time
  // A filtered search stops soon after this becomes true: its client is gone. May be null.
  std::shared_ptr<const std::atomic<bool>> canceled;
};

struct PageEvent {
  int64_t seq = 0;
  std::string body;
};

// All of one page is read in one snapshot of the database.
struct Page {
  std::vector<PageEvent> events;  // oldest first
  // Every match up to this seq is in this page or was at or before `after`. If the page is not full
  // this is the head of the snapshot.
  int64_t scanned_through = 0;
  bool has_more = false;   // something may match after scanned_through, in this snapshot
  int64_t head_seq = 0;    // of the whole journal; 0 when it is empty
  bool job_known = false;  // with a job_id only
  bool job_over = false;
};

// Reads committed events. Blocks on the disk; safe from any thread.
class EventSource {
 public:
  virtual ~EventSource() = default;

  virtual Result<Page> Read(const ReadRequest& request) = 0;

  // The greatest seq whose `ts` is not later than `micros`; 0 when there is none.
  virtual Result<int64_t> SeqAtTime(int64_t micros) = 0;

  // How many events the job can have at most; 0 for an unknown job. Takes one look at an index.
  virtual Result<int64_t> MostEventsOf(const std::string& /*job_id*/) { return INT64_MAX; }
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_EVENT_SOURCE_H_
