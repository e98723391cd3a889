// Bytes of a stream cut into lines, and lines that are too long for one event into parts.
#ifndef STAGELOG_TOOLS_CLI_RUN_LINE_SPLITTER_H_
#define STAGELOG_TOOLS_CLI_RUN_LINE_SPLITTER_H_

#include <cstddef>
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
  bool continues = false;  // another part of the same line follows

  bool is_whole_line() const { return part == 1 && !continues; }
};

// One thread at a time.
class LineSplitter {
 public:
  using Take = std::function<void(const LinePart& part)>;

  // Hands out what `bytes` complete. A long line is cut between characters of UTF-8.
  void Feed(std::string_view bytes, const Take& take);
  // The stream has ended: a last line without a newline is a line.
  void End(const Take& take);

 private:
  void CutLongLine(const Take& take);
  void EndLine(const Take& take);

  std::string line_;  // what there is of the line so far, without the parts that are handed out
  int parts_ = 0;     // of this line that are handed out
};

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_RUN_LINE_SPLITTER_H_
