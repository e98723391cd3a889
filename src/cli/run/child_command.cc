#include "cli/run/child_command.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace stagelog::cli {
namespace {

std::vector<std::string> EnvironmentOf(const ChildOptions& options) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string name(*variable, std::strcspn(*variable, "="));
    if (!options.environment.contains(name)) variables.emplace_back(*variable);
  }
  for (const auto& [name, value] : options.environment) {
    if (value) variables.push_back(name + "=" + *value);
  }
  return variables;
}

std::vector<char*> Pointers(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Runs in the child, beside threads that are not there any more: only what is safe then.
[[noreturn]] void BecomeCommand(const ChildOptions& options, const std::vector<char*>& words,
                                const std::vector<char*>& variables, const ChildStreams& streams,
                                int parent) {
  char go = 0;
  // Its end without a word: the parent cannot look after a child.
  if (::read(parent, &go, 1) != 1) ::_exit(126);
  if (streams.is_terminal) {
    ::setsid();
    ::ioctl(streams.output.get(), TIOCSCTTY, 0);
  }
  if (streams.input.valid()) ::dup2(streams.input.get(), STDIN_FILENO);
  ::dup2(streams.output.get(), STDOUT_FILENO);
  ::dup2(streams.errors.get(), STDERR_FILENO);
  for (const auto& [signal, handling] : options.handling) ::signal(signal, handling);
  ::sigprocmask(SIG_SETMASK, &options.signal_mask, nullptr);
  ::execvpe(words.front(), words.data(), variables.data());
  const int error = errno;
  static_cast<void>(::send(parent, &error, sizeof(error), MSG_NOSIGNAL));
  ::_exit(127);
}

// Waits for exec: closed by a successful one, else it brings the error.
int ErrorOfExec(int child) {
  int error = 0;
  ssize_t count = 0;
  do {
    count = ::read(child, &error, sizeof(error));
  } while (count < 0 && errno == EINTR);
  return count == sizeof(error) ? error : 0;
}

void WaitForEnd(pid_t pid) {
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace

Result<Pipe> Pipe::Make() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Failure(std::strerror(errno), errno);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<ChildCommand> ChildCommand::Start(const ChildOptions& options, ChildStreams streams) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Failure(std::strerror(errno), errno);
  }
  UniqueFd child_end(ends[0]);  // the child's way to us
  UniqueFd our_end(ends[1]);
  const std::vector<std::string> environment = EnvironmentOf(options);
  const std::vector<char*> words = Pointers(options.words);
  const std::vector<char*> variables = Pointers(environment);
  const pid_t pid = ::fork();
  if (pid < 0) return Failure(std::strerror(errno), errno);
  if (pid == 0) {
    our_end.Reset();
    BecomeCommand(options, words, variables, streams, child_end.get());
  }
  child_end.Reset();
  // As a bare system call, for the header of glibc 2.36 forgets that C++ mangles names.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    const int error = errno;
    our_end.Reset();  // the child ends, and has not become the command
    WaitForEnd(pid);
    return Failure(std::string("pidfd_open: ") + std::strerror(error), error);
  }
  static_cast<void>(::send(our_end.get(), "g", 1, MSG_NOSIGNAL));
  if (const int error = ErrorOfExec(our_end.get()); error != 0) {
    WaitForEnd(pid);
    return Failure(std::strerror(error), error);
  }
  return ChildCommand(pid, std::move(pidfd));
}

bool ChildCommand::SharesGroup() const { return !has_ended_ && ::getpgid(pid_) == ::getpgrp(); }

bool ChildCommand::HasStopped() const {
  siginfo_t info{};
  return !has_ended_ && ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WNOHANG) == 0 &&
         info.si_pid == pid_;
}

void ChildCommand::Signal(int signal) const {
  if (!has_ended_) ::kill(pid_, signal);
}

int ChildCommand::Wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  has_ended_ = true;
  return status;
}

std::string SignalName(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

}  // namespace stagelog::cli
