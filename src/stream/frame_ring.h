// The newest frames of all jobs, or of one job, for subscribers that keep up. Stream
// thread only.
#ifndef STAGELOG_STREAM_FRAME_RING_H_
#define STAGELOG_STREAM_FRAME_RING_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/query.h"
#include "stream/frame_segment.h"

namespace stagelog {

// Adjacent whole frames in one segment. Valid until the ring changes; to keep it longer, share
// ownership of the segment.
struct FrameRun {
  const FrameSegment* segment = nullptr;
  uint32_t begin = 0;  // offsets in the segment's bytes
  uint32_t end = 0;
  uint32_t frame_count = 0;
  int64_t through_seq = 0;  // seq of the last frame
  bool job_over = false;    // state of the job after the last frame
};

// A subscriber's query to a ring.
struct FrameQuery {
  int64_t cursor = 0;                   // want events with a greater seq; >= complete_after()
  const EventFilter* filter = nullptr;  // null: everything
  const FrameForm* form = nullptr;      // outlives the query; null: plain
};

// The result of Collect().
struct FrameScan {
  int64_t scanned_through = 0;
  bool job_over = false;  // after the event at scanned_through; false when nothing was scanned
  bool moved = false;     // at least one event was scanned
  bool reached_newest = true;
};

class FrameRing {
 public:
  // Has every event after `complete_after` that is appended later. Drops the oldest
  // segments when they exceed `max_bytes`, not counting variants of their frames (up to twice as
  // much again).
  FrameRing(size_t max_bytes, int64_t complete_after)
      : max_bytes_(max_bytes), complete_after_(complete_after) {}

  // `segment` follows the newest event of the ring, with no event of the ring's topic in between.
  void Append(FrameSegmentPointer segment);

  // The ring has every event of its topic with a greater seq than this, up to the last appended.
  int64_t complete_after() const { return complete_after_; }

  // Empties the ring. Events up to `complete_after` will never be in it.
  void Reset(int64_t complete_after);

  // Adds the frames that match `wish` to `runs`, oldest first, until there are `max_runs` or about
  // `max_bytes` (exceeded by at most one segment).
  FrameScan Collect(const FrameQuery& wish, size_t max_runs, size_t max_bytes,
                    std::vector<FrameRun>& runs) const;

  size_t MemoryBytes() const { return bytes_; }
  size_t SegmentCount() const { return segments_.size(); }

 private:
  size_t FirstSegmentAfter(int64_t cursor) const;

  size_t max_bytes_;
  int64_t complete_after_;
  size_t bytes_ = 0;
  std::deque<FrameSegmentPointer> segments_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_FRAME_RING_H_
