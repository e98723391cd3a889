// Reads lines from any source that is not a journal.
#ifndef STAGELOG_CLI_SEND_INPUT_LINES_H_
#define STAGELOG_CLI_SEND_INPUT_LINES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/send/byte_source.h"
#include "cli/send/json_scanner.h"
#include "client/exit_code.h"

namespace stagelog::cli {

struct InputLine {
  std::string text;    // its content (core/text_line.h); empty when it is too long
  int64_t number = 0;  // from 1, blank lines counted; of a JSON value that of its first line
  bool is_too_long = false;
  bool is_ended = true;  // false: the last line, without a newline; somebody may be writing it
};

// JSON that is not laid out as a line each counts as if it were:
//  - an object over several lines, and objects with nothing or a comma between them: each is a
//    line, its text without the white space between tokens;
//  - an array of objects, on one line or many, and any array whose opening bracket stands alone on
//    its line: each element is a line.
// What only begins like that is read as lines of text. One thread at a time. Memory stays below two
// of the longest lines.
class InputLines {
 public:
  static constexpr size_t kMaxLineBytes = size_t{4} << 20;
  static constexpr const char* kTooLong = "the line is longer than 4 MiB";
  // Input without a newline for this many bytes is not a text file (/dev/zero, a disk).
  static constexpr uint64_t kMaxUnbrokenBytes = uint64_t{64} << 20;

  explicit InputLines(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  // The next non-blank line; none at the end. Blocks. Of a line longer than kMaxLineBytes only the
  // number is returned. kBadFile if the source cannot be read, and (permanently) after
  // kMaxUnbrokenBytes without a newline, in an array that is not JSON, and at the end of one that
  // is not closed; the message names the line.
  CliResult<std::optional<InputLine>> Next();

  // True if Next() would block: a good moment to send what is queued.
  bool WouldWait();

 private:
  enum class Shape { kLine, kValue, kArray };
  struct Scan {
    JsonScanner::State state = JsonScanner::State::kMore;
    size_t size = 0;
    bool is_too_long = false;  // it has not ended within kMaxLineBytes
  };

  CliResult<std::optional<InputLine>> NextOfAny();
  CliResult<std::optional<InputLine>> ReadLine();
  CliResult<std::optional<InputLine>> ReadValue();
  CliResult<std::optional<InputLine>> ReadElement();
  CliResult<std::optional<InputLine>> SkipValue();
  CliResult<Shape> LookAhead();
  CliResult<Shape> LookAtObject(size_t offset);
  CliResult<Shape> LookAtArray(size_t offset);
  CliResult<bool> EndsLine(size_t offset, std::string_view followers);
  CliResult<Scan> ScanValue(size_t offset);
  Shape AsText(size_t bytes);

  // What was read and not yet returned.
  std::string_view Rest() const { return std::string_view(buffer_).substr(at_); }
  // The offset from `offset` on of the first byte that is none of `blanks`; of the end where all
  // are.
  CliResult<size_t> SkipAny(size_t offset, std::string_view blanks);
  void Advance(size_t bytes);
  CliStatus Fill();

  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t at_ = 0;            // of the next line inside the buffer
  int64_t line_ = 1;         // number of the line at `at_`
  uint64_t past_ = 0;        // bytes before `at_`
  uint64_t text_until_ = 0;  // lines that begin before it are no JSON values
  bool at_end_ = false;
  size_t value_offset_ = 0;  // of the value that LookAhead() found
  Scan value_;
  JsonScanner scanner_;
  bool is_in_array_ = false;
  bool needs_comma_ = false;
  int64_t array_line_ = 0;  // in which it begins
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_INPUT_LINES_H_
