#include "tests/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "base/check.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

// Runs in the child between fork and exec: only what is safe there.
[[noreturn]] void BecomeProgram(const std::vector<char*>& arguments, int output, int errors,
                                pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  RestoreSignals();
  ::execvp(arguments.front(), arguments.data());
  ::_exit(127);
}

// As a bare system call, for the header of glibc 2.36 forgets that C++ mangles names.
UniqueFd OpenPidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

int ExitCodeOf(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace

void RestoreSignals() {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::Spawn(std::vector<std::string> words,
                                                          std::string stderr_path) {
  UniqueFd errors(::open(stderr_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!errors.valid()) return Failure("cannot open " + stderr_path, errno);
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Failure("pipe", errno);
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return Failure("fork", errno);
  if (pid == 0) BecomeProgram(arguments, writing.get(), errors.get(), parent);
  UniqueFd pidfd = OpenPidfd(pid);
  STAGELOG_CHECK(pidfd.valid());
  return std::unique_ptr<ChildProcess>(
      new ChildProcess(pid, std::move(pidfd), std::move(reading), std::move(stderr_path)));
}

ChildProcess::ChildProcess(pid_t pid, UniqueFd pidfd, UniqueFd output, std::string stderr_path)
    : pid_(pid),
      pidfd_(std::move(pidfd)),
      output_(std::move(output)),
      stderr_path_(std::move(stderr_path)) {}

ChildProcess::~ChildProcess() { Kill9(); }

Result<std::string> ChildProcess::ReadLine(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (unread_.find('\n') == std::string::npos) {
    pollfd wait = {.fd = output_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, deadline.RemainingMs());
    if (ready == 0) return Failure("no line in time", ETIMEDOUT);
    if (ready < 0) continue;
    std::array<char, 4096> bytes;
    const ssize_t count = ::read(output_.get(), bytes.data(), bytes.size());
    if (count <= 0) return Failure("the output has ended", EPIPE);
    unread_.append(bytes.data(), static_cast<size_t>(count));
  }
  const size_t end = unread_.find('\n');
  std::string line = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return line;
}

std::optional<int> ChildProcess::WaitForExit(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!exit_code_) {
    pollfd wait = {.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, deadline.RemainingMs());
    if (ready == 0) return std::nullopt;
    if (ready < 0) continue;
    int status = 0;
    STAGELOG_CHECK(::waitpid(pid_, &status, 0) == pid_);
    exit_code_ = ExitCodeOf(status);
  }
  return exit_code_;
}

void ChildProcess::Signal(int signal) {
  if (!exit_code_) ::kill(pid_, signal);
}

void ChildProcess::Kill9() {
  Signal(SIGKILL);
  while (!WaitForExit(std::chrono::seconds(60))) {
  }
}

std::string ChildProcess::StderrText() const {
  std::ostringstream text;
  text << std::ifstream(stderr_path_).rdbuf();
  return std::move(text).str();
}

}  // namespace stagelog
