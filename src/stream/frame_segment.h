// Journal events in wire format: encoded once, immutable, shared by all subscribers that send them.
// Each frame is a chunk of a chunked body; HTTP/1.0 clients are sent the same bytes without the
// chunk framing.
#ifndef STAGELOG_STREAM_FRAME_SEGMENT_H_
#define STAGELOG_STREAM_FRAME_SEGMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/query.h"

namespace stagelog {

class FrameSegment;
using FrameSegmentPointer = std::shared_ptr<const FrameSegment>;

// Never empty. Safe to read from any thread, but for Named() and Subject().
class FrameSegment : public std::enable_shared_from_this<FrameSegment> {
 public:
  struct Entry {
    int64_t seq = 0;
    uint32_t begin = 0;  // of the chunk; offsets in bytes()
    uint32_t body_begin = 0;
    uint32_t end = 0;
    uint8_t chunk_head_bytes = 0;
    bool job_over = false;  // the state of the event's job after the event
  };

  FrameSegment(std::string bytes, std::vector<Entry> entries)
      : bytes_(std::move(bytes)), entries_(std::move(entries)) {}

  const std::string& bytes() const { return bytes_; }
  const std::vector<Entry>& entries() const { return entries_; }
  int64_t last_seq() const { return entries_.back().seq; }
  std::string_view Body(const Entry& entry) const;

  // Adds what of the frames in [begin, end) of bytes() is no part of the chunks' framing to
  // `parts`, until it is full: the text of each frame, or the rest of it where `begin` lies within.
  // Returns how many were added. `end` is the end of a chunk.
  size_t FramesWithin(uint32_t begin, uint32_t end, std::span<std::string_view> parts) const;

  // The offset in bytes() that lies `count` bytes of the frames' text behind `begin`, at most
  // `end`; behind the last byte of a frame that is the end of its chunk. Takes off `count` what it
  // went over. `end` as above.
  uint32_t AdvanceInFrames(uint32_t begin, uint32_t end, size_t& count) const;

  // Index of the first entry with a seq greater than `cursor`; entries().size() when there is none.
  size_t FirstAfter(int64_t cursor) const;

  // The same events, at the same indexes, with `event: <type>` in their frames. Encoded when first
  // asked for and kept. Call it on one thread only.
  const FrameSegment& Named() const;

  // Entry `i` as filters see it. Parsed when first asked for and kept. Call it on one thread only.
  const FilterSubject& Subject(size_t i) const;

  // What the segment holds in memory, without its named variant.
  size_t MemoryBytes() const;

 private:
  size_t EntryAt(uint32_t offset) const;

  std::string bytes_;
  std::vector<Entry> entries_;
  mutable FrameSegmentPointer named_;
  mutable std::vector<FilterSubject> subjects_;
};

// Collects events into a segment.
class FrameSegmentBuilder {
 public:
  explicit FrameSegmentBuilder(bool named) : named_(named) {}

  void Reserve(size_t event_count, size_t body_bytes);

  // In the order of seq; `body` is a stored line.
  void Add(int64_t seq, std::string_view body, bool job_over);

  bool empty() const { return entries_.empty(); }

  // Null when nothing was added. The builder is empty afterwards.
  FrameSegmentPointer Build();

 private:
  bool named_;
  std::string bytes_;
  std::vector<FrameSegment::Entry> entries_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_FRAME_SEGMENT_H_
