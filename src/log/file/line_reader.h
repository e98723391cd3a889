// A file's lines in order, without holding the file in memory.
#ifndef STAGELOG_LOG_FILE_LINE_READER_H_
#define STAGELOG_LOG_FILE_LINE_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"

namespace stagelog {

// One line without its newline.
struct FileLine {
  std::string_view text;    // valid until the next call of Next()
  uint64_t offset = 0;      // of its first byte
  uint64_t end = 0;         // behind it and its newline
  bool terminated = false;  // a newline follows; only the last line of a file may lack it
};

// One thread at a time. Of a line longer than kMaxLineBytes the text is only the first so many
// bytes: it is no event in any case.
class LineReader {
 public:
  static constexpr size_t kMaxLineBytes = size_t{4} << 20;

  // `max_unbroken_bytes`: a longer line is an error (EFBIG), for a source that may have no end.
  explicit LineReader(std::unique_ptr<ReadFile> file, uint64_t max_unbroken_bytes = UINT64_MAX)
      : file_(std::move(file)), max_unbroken_bytes_(max_unbroken_bytes) {}

  // The next line; no value at the end of the file.
  Result<std::optional<FileLine>> Next();

 private:
  Status Fill();
  std::optional<FileLine> Line(size_t size, bool terminated);
  Result<std::optional<FileLine>> NextTooLong();

  std::unique_ptr<ReadFile> file_;
  const uint64_t max_unbroken_bytes_;
  std::string buffer_;
  size_t at_ = 0;               // start of the next line inside the buffer
  uint64_t buffer_offset_ = 0;  // of the buffer's first byte inside the file
  bool at_end_ = false;
  std::string beginning_;  // of a line that is too long
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_FILE_LINE_READER_H_
