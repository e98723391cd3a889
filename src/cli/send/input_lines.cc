#include "cli/send/input_lines.h"

#include <string>
#include <string_view>

#include "core/text_line.h"

namespace stagelog::cli {
namespace {

constexpr size_t kChunkBytes = size_t{64} << 10;

}  // namespace

CliResult<std::optional<InputLine>> InputLines::Next() {
  while (true) {
    auto line = NextOfAny();
    if (!line || !line->has_value()) return line;
    if ((*line)->is_too_long || !IsBlankLine((*line)->text)) return line;
  }
}

CliStatus InputLines::Fill() {
  buffer_.erase(0, at_);
  at_ = 0;
  const size_t kept = buffer_.size();
  buffer_.resize(kept + kChunkBytes);
  const Result<size_t> got = source_->Read(buffer_.data() + kept, kChunkBytes);
  buffer_.resize(kept + got.value_or(0));
  if (!got) return Fail(ExitCode::kBadFile, got.error().message);
  at_end_ = *got == 0;
  return {};
}

CliResult<std::optional<InputLine>> InputLines::NextOfAny() {
  InputLine line;
  size_t searched = at_;
  uint64_t passed_over = 0;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    const bool is_ended = end != std::string::npos;
    const size_t size = (is_ended ? end : buffer_.size()) - at_;
    line.is_too_long = line.is_too_long || size > kMaxLineBytes;
    if (is_ended || at_end_) {
      if (!is_ended && size == 0 && !line.is_too_long) return std::nullopt;
      if (!line.is_too_long) line.text = LineContent(std::string_view(buffer_).substr(at_, size));
      at_ += size + (is_ended ? 1 : 0);
      line.number = ++number_;
      line.is_ended = is_ended;
      return line;
    }
    if (line.is_too_long) {  // nothing of it is kept
      passed_over += size;
      at_ = buffer_.size();
    }
    if (passed_over > kMaxUnbrokenBytes) {
      return Fail(ExitCode::kBadFile, "line " + std::to_string(number_ + 1) +
                                          " does not end within 64 MiB; this is not a file of "
                                          "lines");
    }
    searched = buffer_.size() - at_;
    if (CliStatus filled = Fill(); !filled) return tl::unexpected(filled.error());
  }
}

bool InputLines::WouldWait() {
  if (at_end_ || buffer_.find('\n', at_) != std::string::npos) return false;
  return source_->WouldWait();
}

}  // namespace stagelog::cli
