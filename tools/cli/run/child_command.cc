#include "tools/cli/run/child_command.h"

#include <fcntl.h>
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
                                const std::vector<char*>& variables, int output, int errors,
                                int failure) {
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  for (const int signal : options.default_signals) ::signal(signal, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &options.signal_mask, nullptr);
  ::execvpe(words.front(), words.data(), variables.data());
  const int error = errno;
  static_cast<void>(!::write(failure, &error, sizeof(error)));
  ::_exit(127);
}

}  // namespace

Result<Pipe> Pipe::Make() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Failure(std::strerror(errno), errno);
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

Result<ChildCommand> ChildCommand::Start(const ChildOptions& options, UniqueFd output,
                                         UniqueFd errors) {
  auto failure = Pipe::Make();  // closed by a successful exec, else it brings the error
  if (!failure) return tl::unexpected(failure.error());
  const std::vector<std::string> environment = EnvironmentOf(options);
  const std::vector<char*> words = Pointers(options.words);
  const std::vector<char*> variables = Pointers(environment);
  const pid_t pid = ::fork();
  if (pid < 0) return Failure(std::strerror(errno), errno);
  if (pid == 0) {
    BecomeCommand(options, words, variables, output.get(), errors.get(), failure->writing.get());
  }
  failure->writing.Reset();
  int error = 0;
  ssize_t count = 0;
  do {
    count = ::read(failure->reading.get(), &error, sizeof(error));
  } while (count < 0 && errno == EINTR);
  if (count == sizeof(error)) {
    ::waitpid(pid, nullptr, 0);
    return Failure(std::strerror(error), error);
  }
  // As a bare system call, for the header of glibc 2.36 forgets that C++ mangles names.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return Failure(std::string("pidfd_open: ") + std::strerror(errno), errno);
  return ChildCommand(pid, std::move(pidfd));
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
