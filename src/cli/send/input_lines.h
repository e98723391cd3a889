// Reads lines from any source that is not a journal.
#ifndef STAGELOG_CLI_SEND_INPUT_LINES_H_
#define STAGELOG_CLI_SEND_INPUT_LINES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/send/byte_source.h"
#include "client/exit_code.h"

namespace stagelog::cli {

struct InputLine {
  std::string text;    // its content (core/text_line.h); empty when it is too long
  int64_t number = 0;  // from 1, blank lines counted
  bool is_too_long = false;
  bool is_ended = true;  // false: the last line, without a newline; somebody may be writing it
};

// One thread at a time. Memory stays below two of the longest lines.
class InputLines {
 public:
  static constexpr size_t kMaxLineBytes = size_t{4} << 20;
  static constexpr const char* kTooLong = "the line is longer than 4 MiB";
  // Input without a newline for this many bytes is not a text file (/dev/zero, a disk).
  static constexpr uint64_t kMaxUnbrokenBytes = uint64_t{64} << 20;

  explicit InputLines(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  // The next non-blank line; none at the end. Blocks. Of a line longer than kMaxLineBytes only the
  // number is returned. kBadFile if the source cannot be read, and (permanently) after
  // kMaxUnbrokenBytes without a newline; the message names the line.
  CliResult<std::optional<InputLine>> Next();

  // True if Next() would block: a good moment to send what is queued.
  bool WouldWait();

 private:
  CliResult<std::optional<InputLine>> NextOfAny();
  CliStatus Fill();

  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t at_ = 0;  // start of the next line inside the buffer
  int64_t number_ = 0;
  bool at_end_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_INPUT_LINES_H_
