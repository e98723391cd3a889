// The newest frames of all jobs, or of one job, from which current subscribers are served. Stream
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
  int64_t through_seq = 0;  // of the last frame
  bool job_over = false;    // after the last frame
};

// A subscriber's query to a ring.
struct FrameQuery {
  int64_t cursor = 0;                   // events with a greater seq; at least complete_after()
  const EventFilter* filter = nullptr;  // null: everything
  bool named = false;
};

// How far Collect() has scanned.
struct FrameScan {
  int64_t scanned_through = 0;
  bool job_over = false;  // after the event at scanned_through; false when nothing was scanned
  bool moved = false;     // something was scanned
  bool reached_newest = true;
};

class FrameRing {
 public:
  // The ring is complete from the first event later than `complete_after` on. It drops its oldest
  // segments when it holds more than `max_bytes` (twice that where named frames are asked for).
  FrameRing(size_t max_bytes, int64_t complete_after)
      : max_bytes_(max_bytes), complete_after_(complete_after) {}

  // Events later than everything in the ring, without a gap in this ring's topic.
  void Append(FrameSegmentPointer segment);

  // Every event of the ring's topic with a greater seq, up to the newest appended, is in the ring.
  int64_t complete_after() const { return complete_after_; }

  // Empties the ring: events up to `complete_after` were or will be skipped.
  void Reset(int64_t complete_after);

  // Adds to `runs` what `wish` matches, oldest first, until there are `max_runs` or about
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
