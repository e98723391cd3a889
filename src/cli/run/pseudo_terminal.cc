#include "cli/run/pseudo_terminal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "client/settings.h"

namespace stagelog::cli {
namespace {

constexpr size_t kTerminalReadBytes = 4096;
constexpr char kEndOfInput = '\x04';

uint16_t FromEnvironment(const char* name, uint16_t otherwise) {
  const std::string text = ProcessEnvironment(name).value_or("");
  uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && value > 0 ? value : otherwise;
}

winsize SizeOfOurs() {
  winsize size{};
  for (const int fd : {STDOUT_FILENO, STDIN_FILENO, STDERR_FILENO}) {
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) return size;
  }
  size.ws_row = FromEnvironment("LINES", 24);
  size.ws_col = FromEnvironment("COLUMNS", 80);
  return size;
}

Result<UniqueFd> Another(const UniqueFd& fd) {
  UniqueFd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!copy.valid()) return Failure(std::strerror(errno), errno);
  return copy;
}

// POSIX, "orphaned process group": a stop of one that nobody watches would be for ever.
bool IsOrphaned() {
  const pid_t parent = ::getppid();
  return ::getsid(parent) != ::getsid(0) || ::getpgid(parent) == ::getpgrp();
}

}  // namespace

Result<PseudoTerminal> PseudoTerminal::Open() {
  PseudoTerminal terminal;
  terminal.our_end_.Reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  const int ours = terminal.our_end_.get();
  std::array<char, 64> name{};
  const bool is_ready = terminal.our_end_.valid() && ::grantpt(ours) == 0 &&
                        ::unlockpt(ours) == 0 && ::ptsname_r(ours, name.data(), name.size()) == 0;
  if (is_ready) terminal.command_end_.Reset(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.command_end_.valid()) {
    return Failure(std::string("cannot open a pseudo terminal: ") + std::strerror(errno), errno);
  }
  const int its = terminal.command_end_.get();
  termios modes{};
  ::tcgetattr(its, &modes);
  terminal.input_is_terminal_ = ::isatty(STDIN_FILENO) == 1;
  // In the background the modes are those of somebody who reads a line (a shell, say).
  terminal.knows_before_ = terminal.input_is_terminal_ && terminal.IsForeground() &&
                           ::tcgetattr(STDIN_FILENO, &terminal.before_) == 0;
  if (terminal.knows_before_) {
    modes.c_iflag = terminal.before_.c_iflag;
    modes.c_lflag = terminal.before_.c_lflag;
    std::memcpy(modes.c_cc, terminal.before_.c_cc, sizeof(modes.c_cc));
  } else if (!terminal.input_is_terminal_) {
    modes.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  }
  // In a file or a pipe nobody wants carriage returns.
  if (::isatty(STDOUT_FILENO) == 0) modes.c_oflag &= ~static_cast<tcflag_t>(ONLCR);
  ::tcsetattr(its, TCSANOW, &modes);
  terminal.CopySize();
  return terminal;
}

Result<UniqueFd> PseudoTerminal::CommandEnd() const { return Another(command_end_); }
Result<UniqueFd> PseudoTerminal::OurEnd() const { return Another(our_end_); }

bool PseudoTerminal::IsForeground() const {
  return !input_is_terminal_ || ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

bool PseudoTerminal::IsInBackground() const {
  if (!input_is_terminal_ || input_has_ended_) return false;
  const pid_t foreground = ::tcgetpgrp(STDIN_FILENO);
  return foreground >= 0 && foreground != ::getpgrp();
}

void PseudoTerminal::Enter() {
  if (!input_is_terminal_) return;
  if (!IsForeground()) {
    is_raw_ = false;  // whoever has it has given it modes of his own
    return;
  }
  if (is_raw_) return;
  if (!knows_before_) knows_before_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
  if (!knows_before_) return;
  termios raw = before_;
  ::cfmakeraw(&raw);
  is_raw_ = ::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
  CopySize();  // in the background no signal has come for a change
}

void PseudoTerminal::Restore() {
  if (!is_raw_) return;
  is_raw_ = false;
  if (IsForeground()) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
}

void PseudoTerminal::CopySize() {
  const winsize size = SizeOfOurs();
  ::ioctl(our_end_.get(), TIOCSWINSZ, &size);
}

std::array<pollfd, 2> PseudoTerminal::Entries() const {
  const bool reads = typed_.empty() && !input_has_ended_ && IsForeground();
  return {
      {{reads ? STDIN_FILENO : -1, POLLIN, 0}, {typed_.empty() ? -1 : our_end_.get(), POLLOUT, 0}}};
}

void PseudoTerminal::Move(const std::array<pollfd, 2>& entries) {
  if (entries[0].revents != 0) ReadInput();
  if (!typed_.empty()) WriteOn();
}

void PseudoTerminal::ReadInput() {
  std::array<char, kTerminalReadBytes> bytes;
  // Where we have lost the foreground since we looked, SIGTTIN would stop us.
  sigset_t stop;
  sigset_t before;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTTIN);
  ::pthread_sigmask(SIG_BLOCK, &stop, &before);
  const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (count < 0 && (error == EINTR || error == EAGAIN || IsInBackground())) return;
  if (count > 0) return TakeTyped(bytes.data(), static_cast<size_t>(count));
  // Within a line the first ^D only hands the line on (termios(3), VEOF).
  input_has_ended_ = true;
  typed_.assign(at_line_start_ ? 1 : 2, kEndOfInput);
}

void PseudoTerminal::WriteOn() {
  const ssize_t count = ::write(our_end_.get(), typed_.data(), typed_.size());
  if (count > 0) typed_.erase(0, static_cast<size_t>(count));
  const bool may_pass = errno == EAGAIN || errno == EINTR;
  if (count < 0 && !may_pass) {  // nobody is there to read it
    typed_.clear();
    input_has_ended_ = true;
  }
}

void PseudoTerminal::TakeTyped(const char* bytes, size_t size) {
  termios modes{};
  const bool makes_signals =
      input_is_terminal_ && ::tcgetattr(our_end_.get(), &modes) == 0 && (modes.c_lflag & ISIG) != 0;
  const bool is_for_command =
      makes_signals && command_ > 0 && ::tcgetpgrp(our_end_.get()) == command_;
  for (size_t i = 0; i < size; ++i) {
    const auto typed = static_cast<cc_t>(bytes[i]);
    const bool stops = is_for_command && typed == modes.c_cc[VSUSP];
    if (is_for_command && typed_signal_ == 0 && typed == modes.c_cc[VINTR]) typed_signal_ = SIGINT;
    if (is_for_command && typed_signal_ == 0 && typed == modes.c_cc[VQUIT]) typed_signal_ = SIGQUIT;
    wants_stop_ = wants_stop_ || stops;
    if (!stops) typed_ += bytes[i];
  }
  if (!typed_.empty()) at_line_start_ = typed_.back() == '\n';
}

void PseudoTerminal::StopWithCommand() {
  if (is_stopped_ || command_ <= 0) return;
  ::kill(-command_, SIGSTOP);
  is_stopped_ = true;
  if (!is_raw_ || IsOrphaned()) return Continue();
  Restore();
  ::kill(0, SIGTSTP);
}

void PseudoTerminal::Continue() {
  is_raw_ = false;  // who has stopped us may have given the terminal other modes
  Enter();
  CopySize();
  const pid_t foreground = ::tcgetpgrp(our_end_.get());
  if (foreground > 0) ::kill(-foreground, SIGCONT);
  if (command_ > 0 && foreground != command_) ::kill(-command_, SIGCONT);
  is_stopped_ = false;
}

}  // namespace stagelog::cli
