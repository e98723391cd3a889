#include "stream/frame_segment.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "core/event_codec.h"
#include "stream/sse_frame.h"

namespace stagelog {

std::string_view FrameSegment::Body(const Entry& entry) const {
  return std::string_view(bytes_).substr(entry.body_begin, entry.end - entry.body_begin - 2);
}

size_t FrameSegment::FirstAfter(int64_t cursor) const {
  const auto found =
      std::upper_bound(entries_.begin(), entries_.end(), cursor,
                       [](int64_t seq, const Entry& entry) { return seq < entry.seq; });
  return static_cast<size_t>(found - entries_.begin());
}

const FrameSegment& FrameSegment::Named() const {
  if (named_ != nullptr) return *named_;
  FrameSegmentBuilder builder(/*named=*/true);
  builder.Reserve(entries_.size(), bytes_.size());
  for (const Entry& entry : entries_) builder.Add(entry.seq, Body(entry), entry.job_over);
  named_ = builder.Build();
  return *named_;
}

const FilterSubject& FrameSegment::Subject(size_t i) const {
  if (subjects_.empty()) {
    subjects_.reserve(entries_.size());
    for (const Entry& entry : entries_) subjects_.emplace_back(Body(entry));
  }
  return subjects_[i];
}

size_t FrameSegment::MemoryBytes() const {
  return sizeof(FrameSegment) + bytes_.capacity() + entries_.capacity() * sizeof(Entry);
}

void FrameSegmentBuilder::Reserve(size_t event_count, size_t body_bytes) {
  entries_.reserve(event_count);
  bytes_.reserve(body_bytes + event_count * kEventFrameOverhead);
}

void FrameSegmentBuilder::Add(int64_t seq, std::string_view body, bool job_over) {
  FrameSegment::Entry entry;
  entry.seq = seq;
  entry.job_over = job_over;
  entry.begin = static_cast<uint32_t>(bytes_.size());
  const std::string_view type = named_ ? ViewEvent(body).type : std::string_view();
  entry.body_begin = static_cast<uint32_t>(AppendEventFrame(bytes_, seq, type, body));
  STAGELOG_CHECK(bytes_.size() <= std::numeric_limits<uint32_t>::max());
  entry.end = static_cast<uint32_t>(bytes_.size());
  entries_.push_back(entry);
}

FrameSegmentPointer FrameSegmentBuilder::Build() {
  if (entries_.empty()) return nullptr;
  auto segment = std::make_shared<const FrameSegment>(std::move(bytes_), std::move(entries_));
  bytes_.clear();
  entries_.clear();
  return segment;
}

}  // namespace stagelog
