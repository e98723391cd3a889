#include "tests/cli/cli_runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "tests/support/child_process.h"
#include "tests/support/journal_evidence.h"

namespace stagelog {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

bool IsKept(std::string_view variable) {
  return !variable.starts_with("STAGELOG_") && !variable.starts_with("XDG_") &&
         !variable.starts_with("NO_COLOR=") && !variable.starts_with("TZ=") &&
         !variable.starts_with("HOME=") && !variable.starts_with("COLUMNS=") &&
         !variable.starts_with("LINES=");
}

}  // namespace

std::string CliPath() {
  const char* path = std::getenv("STAGELOG_CLI");
  return path != nullptr ? path : STAGELOG_CLI_PATH;
}

CliProcess::CliProcess(pid_t pid, std::string out_path, std::string err_path)
    : pid_(pid),
      pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
      out_path_(std::move(out_path)),
      err_path_(std::move(err_path)) {}

CliProcess::~CliProcess() {
  if (exit_code_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

CliResultText CliProcess::Wait(std::chrono::milliseconds timeout) {
  if (!exit_code_) {
    pollfd poll_entry{pidfd_.get(), POLLIN, 0};
    if (::poll(&poll_entry, 1, static_cast<int>(timeout.count())) == 1) {
      int status = 0;
      ::waitpid(pid_, &status, 0);
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
  return {exit_code_.value_or(-1), out(), err()};
}

void CliProcess::Signal(int signal) {
  if (!exit_code_) ::kill(pid_, signal);
}

std::string CliProcess::out() const { return ReadAll(out_path_); }
std::string CliProcess::err() const { return ReadAll(err_path_); }

CliRunner::CliRunner() { std::filesystem::create_directories(home()); }

std::unique_ptr<CliProcess> CliRunner::Start(std::vector<std::string> arguments,
                                             const std::string& input) {
  const std::string name = "command-" + std::to_string(++started_);
  const std::string in_path = Path(name + ".in");
  const std::string out_path = Path(name + ".out");
  const std::string err_path = Path(name + ".err");
  std::ofstream(in_path, std::ios::binary) << input;
  arguments.insert(arguments.begin(), CliPath());
  arguments.insert(arguments.begin(), wrapper_.begin(), wrapper_.end());
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (IsKept(*variable)) environment.emplace_back(*variable);
  }
  environment.push_back("HOME=" + home());
  if (!more_.contains("TZ")) environment.push_back("TZ=UTC");
  for (const auto& [key, value] : more_) environment.push_back(key + "=" + value);
  const std::vector<char*> words = Pointers(arguments);
  const std::vector<char*> variables = Pointers(environment);
  const pid_t pid = ::fork();
  STAGELOG_CHECK(pid >= 0);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!folder_.empty() && ::chdir(folder_.c_str()) != 0) ::_exit(125);
    ::dup2(::open(in_path.c_str(), O_RDONLY), STDIN_FILENO);
    ::dup2(::open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    ::dup2(::open(err_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    RestoreSignals();
    if (before_exec_ != nullptr) before_exec_();
    ::execvpe(words[0], words.data(), variables.data());
    ::_exit(126);
  }
  return std::make_unique<CliProcess>(pid, out_path, err_path);
}

CliResultText CliRunner::Run(std::vector<std::string> arguments, const std::string& input) {
  return Start(std::move(arguments), input)->Wait();
}

}  // namespace stagelog
