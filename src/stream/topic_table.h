// Subscriptions by topic: all jobs, or one job. Stream thread only.
#ifndef STAGELOG_STREAM_TOPIC_TABLE_H_
#define STAGELOG_STREAM_TOPIC_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/commit_listener.h"
#include "stream/frame_ring.h"
#include "stream/subscriber.h"

namespace stagelog {

// A ring and its subscribers. A topic exists only while it has members.
struct Topic {
  std::optional<std::string> job_id;  // none: all jobs
  FrameRing ring;
  std::vector<Subscriber*> members;
  FrameSegmentBuilder builder;
};

class TopicTable {
 public:
  TopicTable(size_t all_jobs_ring_bytes, size_t job_ring_bytes)
      : all_jobs_ring_bytes_(all_jobs_ring_bytes), job_ring_bytes_(job_ring_bytes) {}

  // Makes the subscriber a member. `newest_seq`: the last event that was passed to Append().
  void Join(Subscriber& subscriber, const std::optional<std::string>& job_id, int64_t newest_seq);
  void Leave(Subscriber& subscriber);

  // Appends the events to the rings of their topics, each encoded once, and returns the topics that
  // received any. Events without subscribers cost one look-up.
  const std::vector<Topic*>& Append(const std::vector<const CommittedEvent*>& events);

  // Empties all rings: events up to `complete_after` were skipped.
  void Reset(int64_t complete_after);

 private:
  Topic* FindJob(const std::string& job_id) const;
  void AppendToAllJobs(const std::vector<const CommittedEvent*>& events);
  void AppendToJobs(const std::vector<const CommittedEvent*>& events);

  size_t all_jobs_ring_bytes_;
  size_t job_ring_bytes_;
  std::unique_ptr<Topic> all_jobs_;
  std::unordered_map<std::string, std::unique_ptr<Topic>> jobs_;
  std::vector<Topic*> touched_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_TOPIC_TABLE_H_
