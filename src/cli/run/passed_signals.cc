#include "cli/run/passed_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/clock.h"

namespace stagelog::cli {
namespace {

constexpr std::array<int, 4> kCancels = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
constexpr std::array<int, 2> kOthers = {SIGUSR1, SIGUSR2};
constexpr std::array<int, 3> kOurs = {SIGCHLD, SIGWINCH, SIGCONT};  // needed by ourselves
// Between two kill(2) of one sender, on a busy machine.
constexpr int64_t kMomentMicros = 150'000;
// The witness may have read its signal before we read ours.
constexpr int64_t kWitnessEarlyMicros = 1'000'000;

auto HandlingOf(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 ? action.sa_handler : SIG_DFL;
}

bool IsCancel(int signal) {
  return std::find(kCancels.begin(), kCancels.end(), signal) != kCancels.end();
}

}  // namespace

PassedSignals::PassedSignals(const std::vector<std::string>& command, bool command_has_terminal)
    : command_has_terminal_(command_has_terminal) {
  // main() ignores SIGPIPE. SIGXFSZ would end us where a write that fails is enough. With SIGCHLD
  // ignored, as some parents leave it, there is no waiting for a child.
  handling_before_ = {
      {SIGPIPE, SIG_DFL}, {SIGXFSZ, HandlingOf(SIGXFSZ)}, {SIGCHLD, HandlingOf(SIGCHLD)}};
  ::signal(SIGXFSZ, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  sigset_t passed;
  ::sigemptyset(&passed);
  // A blocked signal is kept for us even where it is ignored: those are not ours to touch.
  for (const int signal : kCancels) {
    if (HandlingOf(signal) != SIG_IGN) ::sigaddset(&passed, signal);
  }
  for (const int signal : kOthers) {
    if (HandlingOf(signal) != SIG_IGN) ::sigaddset(&passed, signal);
  }
  for (const int signal : kOurs) ::sigaddset(&passed, signal);
  ::sigprocmask(SIG_BLOCK, &passed, &mask_before_);
  fd_.Reset(::signalfd(-1, &passed, SFD_CLOEXEC | SFD_NONBLOCK));
  STAGELOG_CHECK(fd_.valid());
  witness_ = std::make_unique<SignalWitness>(fd_.get(), command);
}

std::vector<PassedSignal> PassedSignals::Read(bool shares_group) {
  std::vector<PassedSignal> fresh;
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
    const int number = static_cast<int>(info.ssi_signo);
    has_child_change_ = has_child_change_ || number == SIGCHLD;
    has_window_change_ = has_window_change_ || number == SIGWINCH;
    is_continued_ = is_continued_ || number == SIGCONT;
    const bool is_of_terminal = number == SIGWINCH || number == SIGCONT;
    const bool is_ours = number == SIGCHLD || (is_of_terminal && command_has_terminal_);
    if (is_ours || !Judge(number, info.ssi_code, shares_group)) continue;
    fresh.push_back({number, IsCancel(number)});
  }
  return fresh;
}

// False for a repetition.
bool PassedSignals::Judge(int number, int code, bool shares_group) {
  const int64_t now = SystemClock().MonotonicMicros();
  std::erase_if(arrivals_, [&](const Arrival& arrival) {
    return arrival.is_decided && arrival.micros + kMomentMicros <= now;
  });
  const auto same = std::find_if(arrivals_.begin(), arrivals_.end(),
                                 [&](const Arrival& arrival) { return arrival.number == number; });
  // The kernel itself sends only what a terminal means for its whole foreground group.
  const bool is_from_terminal = shares_group && code == SI_KERNEL;
  if (same != arrivals_.end()) {
    same->is_decided = same->is_decided || is_from_terminal;
    return false;
  }
  // What is not sent by kill(2), but to a thread or with sigqueue(3), is for one process.
  const bool is_open = shares_group && code == SI_USER && witness_ && witness_->is_there();
  if (!is_from_terminal && !is_open) due_.push_back(number);
  arrivals_.push_back({number, now, !is_open});
  return true;
}

std::vector<int> PassedSignals::TakeDue(bool shares_group) {
  const int64_t now = SystemClock().MonotonicMicros();
  for (Arrival& arrival : arrivals_) {
    if (arrival.is_decided || arrival.micros + kMomentMicros > now) continue;
    arrival.is_decided = true;
    const bool reached_command =
        shares_group && witness_ &&
        witness_->Saw(arrival.number, arrival.micros - kWitnessEarlyMicros);
    if (!reached_command) due_.push_back(arrival.number);
    // Stopped with the command, and not continued with it.
    if (!reached_command && arrival.number == SIGCONT && witness_) witness_->Continue();
  }
  return std::exchange(due_, {});
}

int64_t PassedSignals::NextDueMicros() const {
  if (!due_.empty()) return SystemClock().MonotonicMicros();
  int64_t next = 0;
  for (const Arrival& arrival : arrivals_) {
    if (arrival.is_decided) continue;
    const int64_t due = arrival.micros + kMomentMicros;
    next = next == 0 ? due : std::min(next, due);
  }
  return next;
}

void PassedSignals::Restore() {
  if (std::exchange(is_restored_, true)) return;
  witness_.reset();
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof(info)) == sizeof(info)) {
  }
  ::sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
}

}  // namespace stagelog::cli
