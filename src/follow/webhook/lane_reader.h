// Reads from the log what a lane of a webhook is to send next.
#ifndef STAGELOG_FOLLOW_WEBHOOK_LANE_READER_H_
#define STAGELOG_FOLLOW_WEBHOOK_LANE_READER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "core/dialect/open_lineage.h"
#include "core/event_source.h"
#include "core/job_state.h"
#include "core/webhook.h"
#include "follow/webhook/webhook_receiver.h"

namespace stagelog {

struct LaneRead {
  std::deque<QueuedEvent> events;
  int64_t read_through = 0;  // nothing up to here is missing in `events`
};

// Blocks on the disk, for a fraction of a second. One thread.
class LaneReader {
 public:
  // `is_stopping` ends a long reading early.
  LaneReader(EventSource& source, const std::atomic<bool>& is_stopping)
      : source_(source), is_stopping_(is_stopping) {}

  // Matching events later than `after` and, where that is cheap to say, not later than `through`.
  // Of the webhook's format they are stored lines, or what is translated of more than one event.
  Result<LaneRead> Read(const Webhook& webhook, const std::string& lane, int64_t after,
                        int64_t through);

 private:
  // A job's run events, as far as they were made.
  struct Lineage {
    JobState state;
    OpenLineageRuns runs;
    int64_t as_of_seq = 0;
  };

  Result<LaneRead> ReadLines(const Webhook& webhook, const std::string& lane, int64_t after,
                             int64_t through, size_t max_events);
  Result<LaneRead> ReadRunEvents(const Webhook& webhook, const std::string& job_id,
                                 Lineage& lineage, int64_t after, int64_t through);
  Result<std::string> ReadTrace(const std::string& job_id, int64_t through);

  EventSource& source_;
  const std::atomic<bool>& is_stopping_;
  std::map<std::pair<std::string, std::string>, Lineage> lineages_;  // by webhook and job
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_LANE_READER_H_
