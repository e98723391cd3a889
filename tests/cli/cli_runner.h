// The stagelog binary as a test runs it: with arguments, an environment and an input of its own.
#ifndef STAGELOG_TESTS_CLI_CLI_RUNNER_H_
#define STAGELOG_TESTS_CLI_CLI_RUNNER_H_

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {

// The binary under test: $STAGELOG_CLI, else what the build was told.
std::string CliPath();

struct CliResultText {
  int exit_code = -1;  // 128 + the signal's number when one ended it; -1: still running
  std::string out;
  std::string err;
};

// A command that runs. Its outputs go to files, so that nothing waits for the test. Killed (kill
// -9) when it still runs at the end.
class CliProcess {
 public:
  CliProcess(pid_t pid, std::string out_path, std::string err_path);
  ~CliProcess();
  CliProcess(const CliProcess&) = delete;
  CliProcess& operator=(const CliProcess&) = delete;

  // The result when it has ended; exit_code is -1 when it has not in time.
  CliResultText Wait(std::chrono::milliseconds timeout = std::chrono::seconds(60));
  void Signal(int signal);
  pid_t pid() const { return pid_; }
  std::string out() const;  // what it has printed so far
  std::string err() const;
  const std::string& out_path() const { return out_path_; }

 private:
  pid_t pid_;
  UniqueFd pidfd_;
  std::string out_path_;
  std::string err_path_;
  std::optional<int> exit_code_;
};

// Runs commands in an environment that has no settings, no STAGELOG_ variables and a home of its
// own.
class CliRunner {
 public:
  CliRunner();

  // For the commands that follow.
  void SetEnvironment(const std::string& name, const std::string& value) { more_[name] = value; }
  void SetFolder(const std::string& path) { folder_ = path; }  // the working directory
  // A command, looked for in PATH, that is given the binary and its arguments (`timeout 60`).
  void SetWrapper(std::vector<std::string> words) { wrapper_ = std::move(words); }
  // Called in each process before it becomes the command: only what is safe after a fork.
  void SetBeforeExec(void (*prepare)()) { before_exec_ = prepare; }

  std::unique_ptr<CliProcess> Start(std::vector<std::string> arguments,
                                    const std::string& input = "");
  CliResultText Run(std::vector<std::string> arguments, const std::string& input = "");

  std::string home() const { return directory_.Path("home"); }
  // A path for a file of the test's.
  std::string Path(const std::string& name) const { return directory_.Path(name); }

 private:
  TemporaryDirectory directory_;
  std::map<std::string, std::string> more_;
  std::string folder_;
  std::vector<std::string> wrapper_;
  void (*before_exec_)() = nullptr;
  int started_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_CLI_RUNNER_H_
