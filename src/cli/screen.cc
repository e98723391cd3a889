#include "cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace stagelog::cli {
namespace {

constexpr size_t kDefaultWidth = 80;
constexpr size_t kDefaultHeight = 24;

const char* CodeOf(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kDim:
      return "\033[2m";
    case Style::kBold:
      return "\033[1m";
    case Style::kRed:
      return "\033[31m";
    case Style::kGreen:
      return "\033[32m";
    case Style::kYellow:
      return "\033[33m";
    case Style::kBlue:
      return "\033[34m";
    case Style::kCyan:
      return "\033[36m";
  }
  return "";
}

bool WantsColors(const std::string& color, bool is_terminal) {
  if (color == "always") return true;
  if (color == "never" || !is_terminal) return false;
  const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org
  const char* term = std::getenv("TERM");
  return (no_color == nullptr || *no_color == '\0') &&
         (term == nullptr || std::strcmp(term, "dumb") != 0);
}

size_t FromEnvironment(const char* name, size_t otherwise) {
  const char* text = std::getenv(name);
  const long value = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return value > 0 && value < 100'000 ? static_cast<size_t>(value) : otherwise;
}

}  // namespace

Screen::Screen(int fd, const std::string& color)
    : fd_(fd), is_terminal_(::isatty(fd) == 1), has_colors_(WantsColors(color, is_terminal_)) {}

std::string Screen::Paint(Style style, std::string_view text) const {
  if (!has_colors_ || style == Style::kPlain) return std::string(text);
  return CodeOf(style) + std::string(text) + "\033[0m";
}

CliStatus Screen::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EPIPE) {
      return Fail(ExitCode::kClosedOutput, "");
    } else if (errno != EINTR) {
      return Fail(ExitCode::kProblem,
                  std::string("cannot write the output: ") + std::strerror(errno));
    }
  }
  return {};
}

size_t Screen::Width() const {
  winsize size{};
  if (::ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return FromEnvironment("COLUMNS", kDefaultWidth);
}

size_t Screen::Height() const {
  winsize size{};
  if (::ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) return size.ws_row;
  return FromEnvironment("LINES", kDefaultHeight);
}

void PrintError(const std::string& message) {
  const std::string line = "stagelog: " + message + "\n";
  static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
}

}  // namespace stagelog::cli
