// Journal events in wire format: encoded once, immutable, shared by all subscribers that send them.
// Each frame is a chunk of a chunked body; HTTP/1.0 clients are sent the same bytes without the
// chunk framing.
#ifndef STAGELOG_STREAM_FRAME_SEGMENT_H_
#define STAGELOG_STREAM_FRAME_SEGMENT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/query.h"
#include "core/stream_sink.h"

namespace stagelog {

class FrameSegment;
using FrameSegmentPointer = std::shared_ptr<const FrameSegment>;

// Never empty. Safe to read from any thread, but for In() and Subject().
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

  // `plain`: what it is a variant of, which outlives its use in a ring; null for one of its own.
  FrameSegment(std::string bytes, std::vector<Entry> entries, const FrameSegment* plain)
      : bytes_(std::move(bytes)), entries_(std::move(entries)), plain_(plain) {}

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

  // The same events, at the same indexes, in another form; of a segment in the plain form. Encoded
  // when first asked for and kept. Call it on one thread only.
  const FrameSegment& In(const FrameForm& form) const;

  // Entry `i` as filters see it. Parsed when first asked for and kept. Call it on one thread only.
  const FilterSubject& Subject(size_t i) const;

  // What the segment holds in memory, without its variants.
  size_t MemoryBytes() const;

 private:
  size_t EntryAt(uint32_t offset) const;

  std::string bytes_;
  std::vector<Entry> entries_;
  mutable std::array<FrameSegmentPointer, FrameForm::kKinds> variants_;
  const FrameSegment* plain_;  // what a variant was made of, and is kept by
  mutable std::vector<FilterSubject> subjects_;
};

// Collects events into a segment.
class FrameSegmentBuilder {
 public:
  FrameSegmentBuilder() = default;
  explicit FrameSegmentBuilder(FrameForm form) : form_(std::move(form)) {}

  void Reserve(size_t event_count, size_t body_bytes);

  // In the order of seq; `body` is a stored line.
  void Add(int64_t seq, std::string_view body, bool job_over);

  bool empty() const { return entries_.empty(); }

  // Null when nothing was added. The builder is empty afterwards. `plain`: see FrameSegment().
  FrameSegmentPointer Build(const FrameSegment* plain = nullptr);

 private:
  FrameForm form_;
  std::string bytes_;
  std::vector<FrameSegment::Entry> entries_;
};

}  // namespace stagelog

#endif  // STAGELOG_STREAM_FRAME_SEGMENT_H_
