#include "log/file/line_reader.h"

#include <cerrno>

#include "log/file/compressed_file.h"

namespace stagelog {
namespace {

constexpr size_t kChunkBytes = size_t{256} << 10;

}  // namespace

Status LineReader::Fill() {
  buffer_.erase(0, at_);
  buffer_offset_ += at_;
  at_ = 0;
  const size_t kept = buffer_.size();
  // Where a part of what is asked for is damaged, what comes before it is still to be had.
  for (size_t wanted = kChunkBytes;; wanted /= 2) {
    buffer_.resize(kept + wanted);
    const Result<size_t> got = file_->ReadAt(buffer_offset_ + kept, buffer_.data() + kept, wanted);
    buffer_.resize(kept + got.value_or(0));
    at_end_ = got && *got < wanted;
    if (got) return {};
    if (got.error().error_number != kDamagedFile || wanted == 1) {
      return tl::unexpected(got.error());
    }
  }
}

Result<std::optional<FileLine>> LineReader::Next() {
  size_t searched = at_;
  while (true) {
    const size_t newline = buffer_.find('\n', searched);
    if (newline != std::string::npos) return Line(newline - at_, true);
    if (buffer_.size() - at_ > kMaxLineBytes) return NextTooLong();
    if (at_end_) break;
    searched = buffer_.size() - at_;
    if (Status filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
  if (at_ == buffer_.size()) return std::optional<FileLine>();
  return Line(buffer_.size() - at_, false);
}

// The line at `at_`, of `size` bytes.
std::optional<FileLine> LineReader::Line(size_t size, bool terminated) {
  FileLine line;
  line.text = std::string_view(buffer_).substr(at_, size);
  line.offset = buffer_offset_ + at_;
  line.terminated = terminated;
  at_ += size + (terminated ? 1 : 0);
  line.end = buffer_offset_ + at_;
  return line;
}

// Keeps the beginning and reads on to the line's end, in little memory.
Result<std::optional<FileLine>> LineReader::NextTooLong() {
  FileLine line;
  line.offset = buffer_offset_ + at_;
  beginning_ = buffer_.substr(at_, kMaxLineBytes);
  line.text = beginning_;
  at_ = buffer_.size();
  while (!line.terminated && !at_end_) {
    if (Status filled = Fill(); !filled) return tl::unexpected(filled.error());
    const size_t newline = buffer_.find('\n');
    line.terminated = newline != std::string::npos;
    at_ = line.terminated ? newline + 1 : buffer_.size();
    if (buffer_offset_ + at_ - line.offset > max_unbroken_bytes_) {
      return Failure("the line at byte " + std::to_string(line.offset) + " does not end within " +
                         std::to_string(max_unbroken_bytes_ >> 20) + " MiB",
                     EFBIG);
    }
  }
  line.end = buffer_offset_ + at_;
  return std::optional<FileLine>(line);
}

}  // namespace stagelog
