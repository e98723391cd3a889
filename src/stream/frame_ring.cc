#include "stream/frame_ring.h"

#include <algorithm>

#include "base/check.h"

namespace stagelog {
namespace {

// One that filters looks at so many events before it is another one's turn; a segment is finished.
constexpr size_t kMaxFilteredEntries = 1'000;

// Walks one segment for one subscriber.
class SegmentScan {
 public:
  SegmentScan(const FrameSegment& segment, const EventFilter* filter, std::vector<FrameRun>& runs)
      : segment_(segment), filter_(filter), runs_(runs), first_run_(runs.size()) {}

  // Adds the runs from entry `first` on; stops before a run that would be one more than `max_runs`
  // in all. Returns the index of the first entry that was not looked at.
  size_t Walk(size_t first, size_t max_runs) {
    if (filter_ == nullptr) {
      AddEntries(first, segment_.entries().size());
      return segment_.entries().size();
    }
    for (size_t i = first; i < segment_.entries().size(); ++i) {
      if (!filter_->Matches(segment_.Subject(i))) continue;
      if (!Touches(i) && runs_.size() >= max_runs) return i;
      AddEntries(i, i + 1);
    }
    return segment_.entries().size();
  }

 private:
  // True when entry `i` begins where the last run ends.
  bool Touches(size_t i) const {
    return runs_.size() > first_run_ && runs_.back().end == segment_.entries()[i].begin;
  }

  void AddEntries(size_t from, size_t to) {
    const FrameSegment::Entry& last = segment_.entries()[to - 1];
    if (!Touches(from)) {
      runs_.push_back({.segment = &segment_, .begin = segment_.entries()[from].begin});
    }
    FrameRun& run = runs_.back();
    run.end = last.end;
    run.frame_count += static_cast<uint32_t>(to - from);
    run.through_seq = last.seq;
    run.job_over = last.job_over;
  }

  const FrameSegment& segment_;
  const EventFilter* filter_;
  std::vector<FrameRun>& runs_;
  size_t first_run_;
};

size_t RunBytes(const std::vector<FrameRun>& runs, size_t from) {
  size_t bytes = 0;
  for (size_t i = from; i < runs.size(); ++i) bytes += runs[i].end - runs[i].begin;
  return bytes;
}

}  // namespace

void FrameRing::Append(FrameSegmentPointer segment) {
  STAGELOG_CHECK(segment->entries().front().seq > complete_after_);
  STAGELOG_CHECK(segments_.empty() ||
                 segment->entries().front().seq > segments_.back()->last_seq());
  bytes_ += segment->MemoryBytes();
  segments_.push_back(std::move(segment));
  // The newest segment stays even if it is larger than the ring: somebody is about to send it.
  while (bytes_ > max_bytes_ && segments_.size() > 1) {
    complete_after_ = segments_.front()->last_seq();
    bytes_ -= segments_.front()->MemoryBytes();
    segments_.pop_front();
  }
}

void FrameRing::Reset(int64_t complete_after) {
  segments_.clear();
  bytes_ = 0;
  complete_after_ = std::max(complete_after_, complete_after);
}

size_t FrameRing::FirstSegmentAfter(int64_t cursor) const {
  const auto found = std::upper_bound(
      segments_.begin(), segments_.end(), cursor,
      [](int64_t seq, const FrameSegmentPointer& segment) { return seq < segment->last_seq(); });
  return static_cast<size_t>(found - segments_.begin());
}

FrameScan FrameRing::Collect(const FrameQuery& wish, size_t max_runs, size_t max_bytes,
                             std::vector<FrameRun>& runs) const {
  STAGELOG_CHECK(wish.cursor >= complete_after_);
  FrameScan scan{.scanned_through = wish.cursor};
  size_t bytes = 0;
  size_t filtered = 0;
  for (size_t i = FirstSegmentAfter(wish.cursor); i < segments_.size(); ++i) {
    if (runs.size() >= max_runs || bytes >= max_bytes || filtered >= kMaxFilteredEntries) {
      scan.reached_newest = false;
      return scan;
    }
    const FrameSegment& segment =
        wish.form == nullptr ? *segments_[i] : segments_[i]->In(*wish.form);
    const size_t first = segment.FirstAfter(wish.cursor);
    const size_t runs_before = runs.size();
    const size_t next = SegmentScan(segment, wish.filter, runs).Walk(first, max_runs);
    bytes += RunBytes(runs, runs_before);
    if (wish.filter != nullptr) filtered += next - first;
    if (next > first) {
      scan.moved = true;
      scan.scanned_through = segment.entries()[next - 1].seq;
      scan.job_over = segment.entries()[next - 1].job_over;
    }
    if (next < segment.entries().size()) {
      scan.reached_newest = false;
      return scan;
    }
  }
  return scan;
}

}  // namespace stagelog
