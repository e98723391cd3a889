#include "stream/frame_segment.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "core/dialect/cloud_event_encoder.h"
#include "core/event_codec.h"
#include "stream/sse_frame.h"

namespace stagelog {

std::string_view FrameSegment::Body(const Entry& entry) const {
  const size_t size = entry.end - entry.body_begin - kEventFrameEndBytes - kChunkEndBytes;
  return std::string_view(bytes_).substr(entry.body_begin, size);
}

// The index of the entry whose chunk holds the byte at `offset`.
size_t FrameSegment::EntryAt(uint32_t offset) const {
  const auto next =
      std::upper_bound(entries_.begin(), entries_.end(), offset,
                       [](uint32_t at, const Entry& entry) { return at < entry.begin; });
  return static_cast<size_t>(next - entries_.begin()) - 1;
}

size_t FrameSegment::FramesWithin(uint32_t begin, uint32_t end,
                                  std::span<std::string_view> parts) const {
  size_t count = 0;
  for (size_t i = EntryAt(begin); begin < end && count < parts.size(); ++i) {
    const Entry& entry = entries_[i];
    const size_t from = std::max<size_t>(begin, entry.begin + entry.chunk_head_bytes);
    const size_t to = entry.end - kChunkEndBytes;
    if (from < to) parts[count++] = std::string_view(bytes_).substr(from, to - from);
    begin = entry.end;
  }
  return count;
}

uint32_t FrameSegment::AdvanceInFrames(uint32_t begin, uint32_t end, size_t& count) const {
  for (size_t i = EntryAt(begin); count > 0 && begin < end; ++i) {
    const Entry& entry = entries_[i];
    const size_t from = std::max<size_t>(begin, entry.begin + entry.chunk_head_bytes);
    const size_t left = entry.end - kChunkEndBytes - from;
    if (count < left) return static_cast<uint32_t>(from + std::exchange(count, 0));
    count -= left;
    begin = entry.end;
  }
  return begin;
}

size_t FrameSegment::FirstAfter(int64_t cursor) const {
  const auto found =
      std::upper_bound(entries_.begin(), entries_.end(), cursor,
                       [](int64_t seq, const Entry& entry) { return seq < entry.seq; });
  return static_cast<size_t>(found - entries_.begin());
}

const FrameSegment& FrameSegment::In(const FrameForm& form) const {
  if (form.kind == FrameForm::Kind::kPlain) return *this;
  FrameSegmentPointer& variant = variants_[static_cast<size_t>(form.kind)];
  if (variant != nullptr) return *variant;
  FrameSegmentBuilder builder(form);
  builder.Reserve(entries_.size(), bytes_.size());
  for (const Entry& entry : entries_) builder.Add(entry.seq, Body(entry), entry.job_over);
  variant = builder.Build(this);
  return *variant;
}

const FilterSubject& FrameSegment::Subject(size_t i) const {
  // Filters look at the event as it is stored.
  if (plain_ != nullptr) return plain_->Subject(i);
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
  const bool is_named = form_.kind == FrameForm::Kind::kNamed;
  const std::string_view type = is_named ? ViewEvent(body).type : std::string_view();
  std::string translated;
  if (form_.kind == FrameForm::Kind::kCloudEvents) {
    translated = EncodeCloudEvent(body, *form_.journal_id);
  } else if (form_.kind == FrameForm::Kind::kCdEvents) {
    translated = EncodeCdEvent(body, *form_.journal_id);
  }
  if (!translated.empty()) body = translated;
  const EventChunk chunk = AppendEventChunk(bytes_, seq, type, body);
  entry.chunk_head_bytes = static_cast<uint8_t>(chunk.frame_begin - entry.begin);
  entry.body_begin = static_cast<uint32_t>(chunk.body_begin);
  STAGELOG_CHECK(bytes_.size() <= std::numeric_limits<uint32_t>::max());
  entry.end = static_cast<uint32_t>(bytes_.size());
  entries_.push_back(entry);
}

FrameSegmentPointer FrameSegmentBuilder::Build(const FrameSegment* plain) {
  if (entries_.empty()) return nullptr;
  auto segment =
      std::make_shared<const FrameSegment>(std::move(bytes_), std::move(entries_), plain);
  bytes_.clear();
  entries_.clear();
  return segment;
}

}  // namespace stagelog
