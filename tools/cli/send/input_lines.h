// Standard input line by line, as it comes.
#ifndef STAGELOG_TOOLS_CLI_SEND_INPUT_LINES_H_
#define STAGELOG_TOOLS_CLI_SEND_INPUT_LINES_H_

#include <cstddef>
#include <optional>
#include <string>

#include "tools/cli/exit_code.h"

namespace stagelog::cli {

// One thread at a time.
class InputLines {
 public:
  static constexpr size_t kMaxLineBytes = size_t{1} << 20;

  explicit InputLines(int fd) : fd_(fd) {}

  // The next line without its newline; none at the end. Waits for it. kUsage for a line longer than
  // kMaxLineBytes.
  CliResult<std::optional<std::string>> Next();

  // True when Next() would have to wait: a good moment to send what there is.
  bool WouldWait();

 private:
  int fd_;
  std::string buffer_;
  bool at_end_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_SEND_INPUT_LINES_H_
