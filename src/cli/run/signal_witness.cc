#include "cli/run/signal_witness.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace stagelog::cli {
namespace {

constexpr int kAnswerMillis = 500;
constexpr size_t kSignals = 65;
// Behind the command's words, for people who look at a list of processes.
constexpr const char* kLabel = "[signal witness]";

struct Testimony {
  uint64_t question = 0;
  std::array<int64_t, kSignals> seen_micros{};  // monotonic, by signal; 0: never
};

// Where our command line lies in memory: proc(5), /proc/[pid]/stat, fields 48 and 49. Empty when
// the kernel does not tell.
std::pair<char*, char*> CommandLineInMemory() {
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {nullptr, nullptr};
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 48; ++field) fields >> skipped;
  uintptr_t start = 0;
  uintptr_t end = 0;
  if (!(fields >> start >> end) || start == 0 || end <= start) return {nullptr, nullptr};
  return {reinterpret_cast<char*>(start), reinterpret_cast<char*>(end)};  // NOLINT
}

// Who signals by command line (pkill -f) finds the witness where he finds the command, and not
// where he finds us alone.
void LookLikeCommand(const std::vector<std::string>& command) {
  ::prctl(PR_SET_NAME, "signal-witness");
  const auto [start, end] = CommandLineInMemory();
  if (start == nullptr) return;
  const auto room = static_cast<size_t>(end - start);
  std::string words;
  for (const std::string& word : command) words.append(word).append(1, '\0');
  if (words.size() + std::strlen(kLabel) < room) words += kLabel;
  std::memset(start, 0, room);
  std::memcpy(start, words.data(), std::min(words.size(), room - 1));
}

void TakeSignals(int signals_fd, Testimony& testimony) {
  signalfd_siginfo info{};
  while (::read(signals_fd, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo < kSignals)
      testimony.seen_micros[info.ssi_signo] = SystemClock().MonotonicMicros();
  }
}

// What the witness does until we are gone.
[[noreturn]] void Witness(int signals_fd, int channel, const std::vector<std::string>& command) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  LookLikeCommand(command);
  // Nobody shall wait for the end of an output because the witness holds it.
  if (const int null = ::open("/dev/null", O_RDWR); null >= 0) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
  }
  Testimony testimony;
  while (true) {
    std::array<pollfd, 2> entries = {{{signals_fd, POLLIN, 0}, {channel, POLLIN, 0}}};
    if (::poll(entries.data(), entries.size(), -1) < 0) continue;
    TakeSignals(signals_fd, testimony);
    if (entries[1].revents == 0) continue;
    if (::recv(channel, &testimony.question, sizeof(testimony.question), 0) <= 0) ::_exit(0);
    TakeSignals(signals_fd, testimony);  // all that came before the question
    if (::send(channel, &testimony, sizeof(testimony), MSG_NOSIGNAL) < 0) ::_exit(0);
  }
}

}  // namespace

SignalWitness::SignalWitness(int signals_fd, const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
  UniqueFd ours(ends[0]);
  const UniqueFd its(ends[1]);
  pid_ = ::fork();
  if (pid_ == 0) {
    ours.Reset();
    Witness(signals_fd, its.get(), command);
  }
  if (pid_ > 0) channel_ = std::move(ours);
}

SignalWitness::~SignalWitness() {
  if (!channel_.valid()) return;
  channel_.Reset();
  Continue();  // its group may have been stopped
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void SignalWitness::Continue() const {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

bool SignalWitness::Saw(int signal, int64_t since_micros) {
  if (!channel_.valid() || signal < 0 || static_cast<size_t>(signal) >= kSignals) return false;
  ++asked_;
  if (::send(channel_.get(), &asked_, sizeof(asked_), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
    return false;
  const int64_t until = SystemClock().MonotonicMicros() + int64_t{kAnswerMillis} * 1'000;
  for (int64_t left = until - SystemClock().MonotonicMicros(); left > 0;
       left = until - SystemClock().MonotonicMicros()) {
    pollfd entry{channel_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(left / 1'000) + 1) <= 0) continue;
    Testimony testimony;
    if (::recv(channel_.get(), &testimony, sizeof(testimony), 0) != sizeof(testimony)) return false;
    const int64_t seen = testimony.seen_micros[static_cast<size_t>(signal)];
    if (testimony.question == asked_) return seen != 0 && seen >= since_micros;
  }
  return false;
}

}  // namespace stagelog::cli
