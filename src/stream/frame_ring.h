// The newest frames of all jobs, or of one job: what subscribers that keep up are fed from. Used on
// the stream thread only.
#ifndef STAGELOG_STREAM_FRAME_RING_H_
#define STAGELOG_STREAM_FRAME_RING_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/query.h"
#include "stream/frame_segment.h"

namespace stagelog {

// Whole frames side by side in one segment. Good until the ring changes; who keeps it longer takes
// a share of the segment.
struct FrameRun {
  const FrameSegment* segment = nullptr;
  uint32_t begin = 0;  // offsets in the segment's bytes
  uint32_t end = 0;
  uint32_t frame_count = 0;
  int64_t through_seq = 0;  // of the last frame
  bool job_over = false;    // after the last frame
};

// What one subscriber wants of a ring.
struct FrameWish {
  int64_t cursor = 0;                   // events with a greater seq; at least complete_after()
  const EventFilter* filter = nullptr;  // null: everything
  bool named = false;
};

// How far Collect() has looked.
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

  // Events later than everything in the ring, with none of the ring's kind left out between.
  void Append(FrameSegmentPointer segment);

  // Every event of the ring's kind with a greater seq, up to the newest appended, is here.
  int64_t complete_after() const { return complete_after_; }

  // Forgets everything: events up to `complete_after` did not or will not come by.
  void Reset(int64_t complete_after);

  // Adds to `runs` what `wish` matches, oldest first, until there are `max_runs` or about
  // `max_bytes` (exceeded by at most one segment).
  FrameScan Collect(const FrameWish& wish, size_t max_runs, size_t max_bytes,
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
