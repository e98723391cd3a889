#include "tools/cli/send/input_lines.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace stagelog::cli {

CliResult<std::optional<std::string>> InputLines::Next() {
  while (true) {
    const size_t end = buffer_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (at_end_ && buffer_.empty()) return std::nullopt;
    if (at_end_) return std::exchange(buffer_, {});
    if (buffer_.size() > kMaxLineBytes) {
      return Fail(ExitCode::kUsage, "a line of the input is longer than 1 MiB");
    }
    char bytes[65'536];
    const ssize_t count = ::read(fd_, bytes, sizeof(bytes));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return Fail(ExitCode::kBadFile,
                  std::string("cannot read the input: ") + std::strerror(errno));
    }
    at_end_ = count == 0;
    buffer_.append(bytes, static_cast<size_t>(count));
  }
}

bool InputLines::WouldWait() {
  if (at_end_ || buffer_.find('\n') != std::string::npos) return false;
  pollfd entry{fd_, POLLIN, 0};
  return ::poll(&entry, 1, 0) == 0;
}

}  // namespace stagelog::cli
