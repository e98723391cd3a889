#include "cli/run/output_frame.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace stagelog::cli {
namespace {

constexpr size_t kMaxFrameBytes = 4096;
constexpr size_t kSizeDigits = 4;
constexpr size_t kKeyDigits = 16;

std::string HeadOf(std::string_view key) {
  return std::string(1, '\0') + "stagelog:" + std::string(key) + ":";
}

}  // namespace

std::string OuterOutput::Text() const { return key + "," + stdout_pipe + "," + stderr_pipe; }

std::optional<OuterOutput> OuterOutput::FromText(std::string_view text) {
  const size_t first = text.find(',');
  if (first != kKeyDigits) return std::nullopt;
  const size_t second = text.find(',', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return OuterOutput{std::string(text.substr(0, first)),
                     std::string(text.substr(first + 1, second - first - 1)),
                     std::string(text.substr(second + 1))};
}

std::string PipeIdentity(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode)) return "";
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

std::vector<std::string> InFrames(std::string_view key, std::string_view bytes) {
  const std::string head = HeadOf(key);
  const size_t room = kMaxFrameBytes - head.size() - kSizeDigits - 1;
  std::vector<std::string> frames;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(room, bytes.size()))) {
    const std::string_view part = bytes.substr(0, room);
    char size[kSizeDigits + 2];
    std::snprintf(size, sizeof(size), "%04x:", static_cast<unsigned>(part.size()));
    frames.push_back(head + size + std::string(part));
  }
  return frames;
}

FrameReader::FrameReader(const std::string& key) : head_(HeadOf(key)) {}

void FrameReader::Feed(std::string_view bytes, const Take& take) {
  if (unread_.empty() && bytes.find('\0') == std::string_view::npos) return take(bytes, false);
  unread_ += bytes;
  while (!unread_.empty() && TakeNext(take)) {
  }
}

void FrameReader::End(const Take& take) {
  if (!unread_.empty()) take(unread_, false);
  unread_.clear();
}

// Where a frame begins, or the beginning of what may become one; the end when there is none.
size_t FrameReader::FindFrame() const {
  for (size_t at = unread_.find('\0'); at != std::string::npos; at = unread_.find('\0', at + 1)) {
    const size_t known = std::min(head_.size(), unread_.size() - at);
    if (unread_.compare(at, known, head_, 0, known) == 0) return at;
  }
  return unread_.size();
}

// False when more bytes are needed.
bool FrameReader::TakeNext(const Take& take) {
  const size_t plain = FindFrame();
  if (plain > 0) {
    take(std::string_view(unread_).substr(0, plain), false);
    unread_.erase(0, plain);
    return true;
  }
  const size_t body = head_.size() + kSizeDigits + 1;
  if (unread_.size() < body) return false;
  const char* digits = unread_.data() + head_.size();
  size_t size = 0;
  const auto [end, error] = std::from_chars(digits, digits + kSizeDigits, size, 16);
  if (error != std::errc() || end != digits + kSizeDigits || *end != ':' || size > kMaxFrameBytes) {
    take(std::string_view(unread_).substr(0, body), false);
    unread_.erase(0, body);
    return true;
  }
  if (unread_.size() < body + size) return false;
  take(std::string_view(unread_).substr(body, size), true);
  unread_.erase(0, body + size);
  return true;
}

}  // namespace stagelog::cli
