// A program started by a test: watched, signalled and always ended by its own pid.
#ifndef STAGELOG_TESTS_SUPPORT_CHILD_PROCESS_H_
#define STAGELOG_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog {

// Between fork and exec: signals do what they do by default, though a shell that runs the tests in
// the background has them ignored.
void RestoreSignals();

// Used by one thread. The kernel kills the child when the thread that spawned it ends
// (PR_SET_PDEATHSIG), the destructor when it still runs.
class ChildProcess {
 public:
  // Starts `words[0]` (looked for in PATH) with the words as its command line and returns at once.
  // Its stderr is appended to the file at `stderr_path`.
  static Result<std::unique_ptr<ChildProcess>> Spawn(std::vector<std::string> words,
                                                     std::string stderr_path);

  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line of its stdout, without the newline. A failure with ETIMEDOUT when none came in
  // time, with EPIPE when none will come.
  Result<std::string> ReadLine(std::chrono::milliseconds timeout);

  // The exit code, or 128 + the signal that ended it; no value when it still runs after `timeout`.
  std::optional<int> WaitForExit(std::chrono::milliseconds timeout);

  // Sends a signal when the process still runs.
  void Signal(int signal);

  // kill -9, and waits for the end.
  void Kill9();

  pid_t pid() const { return pid_; }
  std::string StderrText() const;

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd, UniqueFd output, std::string stderr_path);

  pid_t pid_;
  UniqueFd pidfd_;
  UniqueFd output_;  // the reading end of its stdout
  std::string unread_;
  std::string stderr_path_;
  std::optional<int> exit_code_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_CHILD_PROCESS_H_
