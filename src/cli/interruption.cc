#include "cli/interruption.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/check.h"

namespace stagelog::cli {
namespace {

constexpr int kRepeatEveryMs = 100;
constexpr int kRepeatTimes = 30;

ExitCode CodeOfSignal(uint32_t signal) {
  return signal == SIGINT ? ExitCode::kInterrupted : ExitCode::kTerminated;
}

}  // namespace

Interruption::Interruption(std::function<void()> on_interrupt)
    : on_interrupt_(std::move(on_interrupt)) {
  ::sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals_, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals_, &former_signals_);
  signal_fd_.Reset(::signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK));
  done_fd_.Reset(::eventfd(0, EFD_CLOEXEC));
  STAGELOG_CHECK(signal_fd_.valid() && done_fd_.valid());
  thread_ = std::thread([this] { Watch(); });
}

Interruption::~Interruption() {
  const uint64_t one = 1;
  static_cast<void>(!::write(done_fd_.get(), &one, sizeof(one)));
  thread_.join();
  ::pthread_sigmask(SIG_SETMASK, &former_signals_, nullptr);
}

std::optional<ExitCode> Interruption::code() const {
  const int code = code_;
  return code == 0 ? std::nullopt : std::optional(static_cast<ExitCode>(code));
}

void Interruption::Watch() {
  if (WaitForCause()) NotifyUntilDone();
}

bool Interruption::WaitForCause() {
  // Asked for no event, poll() still tells of POLLERR and POLLHUP: nobody reads standard output.
  std::array<pollfd, 3> entries = {
      {{done_fd_.get(), POLLIN, 0}, {signal_fd_.get(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}}};
  while (true) {
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    if (entries[0].revents != 0) return false;
    signalfd_siginfo info{};
    if (entries[1].revents != 0 && ::read(signal_fd_.get(), &info, sizeof(info)) > 0) {
      code_ = static_cast<int>(CodeOfSignal(info.ssi_signo));
      return true;
    }
    if ((entries[2].revents & (POLLERR | POLLHUP)) != 0) {
      code_ = static_cast<int>(ExitCode::kClosedOutput);
      return true;
    }
    if (entries[2].revents != 0) entries[2].fd = -1;  // POLLNVAL: there is no standard output
  }
}

void Interruption::NotifyUntilDone() {
  pollfd done{done_fd_.get(), POLLIN, 0};
  for (int i = 0; i < kRepeatTimes; ++i) {
    on_interrupt_();
    if (::poll(&done, 1, kRepeatEveryMs) > 0) return;
  }
  ::_exit(code_);
}

}  // namespace stagelog::cli
