#include "client/sse_reader.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace stagelog::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 15 && std::all_of(text.begin(), text.end(), IsDigit);
}

}  // namespace

bool SseReader::Feed(std::string_view bytes, const OnFrame& on_frame) {
  while (!bytes.empty() && !is_over_) {
    if (std::exchange(after_return_, false) && bytes.front() == '\n') bytes.remove_prefix(1);
    const size_t end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    if (line_.size() + frame_.data.size() > kMaxFrameBytes) is_over_ = true;
    if (end == std::string_view::npos) break;
    after_return_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!EndLine(on_frame)) is_over_ = true;
  }
  return !is_over_;
}

bool SseReader::EndLine(const OnFrame& on_frame) {
  const std::string whole = std::exchange(line_, {});
  std::string_view line = whole;
  if (std::exchange(is_first_line_, false) && line.starts_with(kByteOrderMark)) {
    line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) return Dispatch(on_frame);
  const size_t colon = line.find(':');
  if (colon == 0) return true;  // a comment
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  TakeField(line.substr(0, colon), value);
  return true;
}

void SseReader::TakeField(std::string_view name, std::string_view value) {
  if (name == "data") {
    frame_.data.append(value).append("\n");
  } else if (name == "event") {
    frame_.event = value;
  } else if (name == "id") {
    if (value.find('\0') == std::string_view::npos) frame_.id = std::string(value);
  } else if (name == "retry") {
    if (IsNumber(value)) retry_ms_ = std::stoll(std::string(value));
  }
}

bool SseReader::Dispatch(const OnFrame& on_frame) {
  SseFrame frame = std::exchange(frame_, {});
  if (frame.data.empty()) return true;
  frame.data.pop_back();
  return on_frame(frame);
}

}  // namespace stagelog::cli
