#include "cli/run/line_splitter.h"

#include <algorithm>

namespace stagelog::cli {
namespace {

bool ContinuesCharacter(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

// The greatest place up to `limit` that is not inside a character; `limit` where the bytes are no
// UTF-8 anyway.
size_t CutBetweenCharacters(std::string_view line, size_t limit) {
  size_t cut = limit;
  for (int back = 0; back < 3 && cut > 0 && ContinuesCharacter(line[cut]); ++back) --cut;
  return cut == 0 || ContinuesCharacter(line[cut]) ? limit : cut;
}

// How many bytes at the end are the beginning of a character of UTF-8.
size_t BytesOfOpenCharacter(std::string_view line) {
  for (size_t back = 1; back <= std::min<size_t>(3, line.size()); ++back) {
    const auto byte = static_cast<unsigned char>(line[line.size() - back]);
    if (ContinuesCharacter(static_cast<char>(byte))) continue;
    const size_t size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? back : 0;
  }
  return 0;
}

// True where a terminal would show something: not for blanks, nor for sequences of control
// characters (ECMA-48, "CSI ... final byte") alone, by which bars erase what they have drawn.
bool ShowsSomething(std::string_view text) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == ' ' || text[at] == '\t') continue;
    if (!text.substr(at).starts_with("\033[")) return true;
    at += 2;
    while (at < text.size() && (text[at] < '@' || text[at] > '~')) ++at;
  }
  return false;
}

}  // namespace

void LineSplitter::Feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const size_t frame_end = bytes.substr(0, newline).find('\r');
    const size_t mark = std::min(newline, frame_end);
    const size_t room = kMaxLinePartBytes + 1 - line_.size();
    const size_t taken = std::min({mark, bytes.size(), room});
    line_ += bytes.substr(0, taken);
    bytes.remove_prefix(taken);
    if (line_.size() > kMaxLinePartBytes) {
      CutLongLine(take);
    } else if (taken == mark) {
      const bool is_newline = bytes.front() == '\n';
      bytes.remove_prefix(1);
      if (is_newline) {
        EndLine(take);
      } else {
        EndFrame();
      }
    }
  }
}

void LineSplitter::End(const Take& take) {
  if (!line_.empty() || parts_ > 0 || (is_framed_ && HasUnfinished())) EndLine(take);
}

bool LineSplitter::HasUnfinished() const {
  if (!is_framed_) return line_.size() > BytesOfOpenCharacter(line_);
  return ShowsSomething(line_) || (!frame_.empty() && !frame_is_out_);
}

void LineSplitter::HandOutUnfinished(const Take& take) {
  if (!HasUnfinished()) return;
  if (!is_framed_) return CutAt(line_.size() - BytesOfOpenCharacter(line_), take);
  if (ShowsSomething(line_)) EndFrame();
  frame_is_out_ = true;
  take({frame_, parts_ + 1, true, true, frames_});
}

void LineSplitter::CutLongLine(const Take& take) {
  CutAt(CutBetweenCharacters(line_, kMaxLinePartBytes), take);
}

void LineSplitter::CutAt(size_t size, const Take& take) {
  take({std::string_view(line_).substr(0, size), ++parts_, true, false, frames_});
  line_.erase(0, size);
}

void LineSplitter::EndFrame() {
  is_framed_ = true;
  if (ShowsSomething(line_)) {
    if (!frame_.empty()) ++frames_;
    frame_ = std::move(line_);
    frame_is_out_ = false;
  }
  line_.clear();
}

void LineSplitter::EndLine(const Take& take) {
  if (is_framed_ && ShowsSomething(line_)) EndFrame();
  // The last frame may have been handed out, and the newline adds nothing to it.
  // The same of a line whose parts were: nothing follows the last of them.
  const bool is_out = is_framed_ ? frame_is_out_ && !frame_.empty() : parts_ > 0 && line_.empty();
  if (!is_out) take({is_framed_ ? frame_ : line_, parts_ + 1, false, false, frames_});
  line_.clear();
  frame_.clear();
  parts_ = 0;
  frames_ = 0;
  is_framed_ = false;
  frame_is_out_ = false;
}

}  // namespace stagelog::cli
