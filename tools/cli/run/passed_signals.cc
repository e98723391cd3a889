#include "tools/cli/run/passed_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace stagelog::cli {
namespace {

constexpr std::array<int, 4> kCancels = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::array<int, 2> kOthers = {SIGUSR1, SIGUSR2};

bool IsIgnored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

PassedSignals::PassedSignals() {
  sigset_t passed;
  ::sigemptyset(&passed);
  // A blocked signal is kept for us even where it is ignored: those are not ours to touch.
  for (const int signal : kCancels) {
    if (!IsIgnored(signal)) ::sigaddset(&passed, signal);
  }
  for (const int signal : kOthers) {
    if (!IsIgnored(signal)) ::sigaddset(&passed, signal);
  }
  ::sigprocmask(SIG_BLOCK, &passed, &mask_before_);
  fd_.Reset(::signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK));
  STAGELOG_CHECK(fd_.valid());
  // main() ignores SIGPIPE. SIGXFSZ would end us where a write that fails is enough.
  ignored_here_ = {SIGPIPE};
  if (!IsIgnored(SIGXFSZ)) ignored_here_.push_back(SIGXFSZ);
  ::signal(SIGXFSZ, SIG_IGN);
}

std::optional<PassedSignal> PassedSignals::Take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof(info)) != sizeof(info)) return std::nullopt;
  PassedSignal signal;
  signal.number = static_cast<int>(info.ssi_signo);
  // The kernel itself sends only what a terminal means for its whole foreground group.
  signal.reached_command = info.ssi_code == SI_KERNEL;
  signal.is_cancel = std::find(kCancels.begin(), kCancels.end(), signal.number) != kCancels.end();
  return signal;
}

void PassedSignals::Restore() {
  if (std::exchange(is_restored_, true)) return;
  while (Take()) {
  }
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

}  // namespace stagelog::cli
