#include "journal/line_reader.h"

namespace stagelog {
namespace {

constexpr size_t kChunkBytes = size_t{256} << 10;

}  // namespace

Status LineReader::Fill() {
  buffer_.erase(0, at_);
  buffer_offset_ += at_;
  at_ = 0;
  const size_t kept = buffer_.size();
  buffer_.resize(kept + kChunkBytes);
  const Result<size_t> got =
      file_->ReadAt(buffer_offset_ + kept, buffer_.data() + kept, kChunkBytes);
  if (!got) return tl::unexpected(got.error());
  buffer_.resize(kept + *got);
  at_end_ = *got < kChunkBytes;
  return {};
}

Result<std::optional<FileLine>> LineReader::Next() {
  size_t searched = at_;
  while (true) {
    const size_t newline = buffer_.find('\n', searched);
    if (newline != std::string::npos) {
      const FileLine line{std::string_view(buffer_).substr(at_, newline - at_),
                          buffer_offset_ + at_, true};
      at_ = newline + 1;
      return std::optional<FileLine>(line);
    }
    if (at_end_ || buffer_.size() - at_ > kMaxLineBytes) break;
    searched = buffer_.size() - at_;
    if (Status filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
  if (at_ == buffer_.size()) return std::optional<FileLine>();
  const FileLine line{std::string_view(buffer_).substr(at_), buffer_offset_ + at_, false};
  at_ = buffer_.size();
  at_end_ = true;
  return std::optional<FileLine>(line);
}

}  // namespace stagelog
