// Splits a byte stream into lines, and long lines into parts that fit into an event.
#ifndef STAGELOG_CLI_RUN_LINE_SPLITTER_H_
#define STAGELOG_CLI_RUN_LINE_SPLITTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace stagelog::cli {

// 32 KiB are less than 256 KiB even where every byte becomes \u00xx in the message and is repeated
// as base64.
inline constexpr size_t kMaxLinePartBytes = size_t{32} << 10;

// A line without its newline, or a part of one.
struct LinePart {
  std::string_view bytes;  // valid during the call
  int part = 1;
  bool continues = false;  // the line goes on: with another part, or (is_frame) another frame
  bool is_frame = false;   // the latest frame of a line that is not finished
  int64_t frames = 0;      // of this line, each ended by '\r', in whose place `bytes` stand

  bool is_whole_line() const { return part == 1 && !continues; }
};

// One thread at a time.
//
// A carriage return overwrites the line (a progress bar): the latest non-empty of such frames is
// the line. One directly before the newline is ignored.
class LineSplitter {
 public:
  using Take = std::function<void(const LinePart& part)>;

  // Emits what `bytes` complete. A long line is split between UTF-8 characters.
  void Feed(std::string_view bytes, const Take& take);
  // The stream has ended: a last line without a newline is a line.
  void End(const Take& take);

  // Part of a line is buffered and was not emitted.
  bool HasUnfinished() const;
  // The line that is not finished has frames.
  bool IsFramed() const { return is_framed_; }
  // The buffered bytes of the line, if nothing of it was emitted; else empty.
  std::string_view Beginning() const {
    return parts_ == 0 && !is_framed_ ? std::string_view(line_) : std::string_view();
  }
  // Emits the buffered part of the line, except for an incomplete character, or its latest frame.
  void HandOutUnfinished(const Take& take);

 private:
  void CutLongLine(const Take& take);
  void CutAt(size_t size, const Take& take);
  void EndFrame();
  void EndLine(const Take& take);

  std::string line_;   // what there is of the line (its last frame), without parts handed out
  std::string frame_;  // the latest whole frame
  int parts_ = 0;      // of this line that are handed out
  int64_t frames_ = 0;
  bool is_framed_ = false;     // a '\r' has come
  bool frame_is_out_ = false;  // frame_ was handed out
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_LINE_SPLITTER_H_
