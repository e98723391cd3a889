// The command of a `stagelog run` as a child process.
#ifndef STAGELOG_CLI_RUN_CHILD_COMMAND_H_
#define STAGELOG_CLI_RUN_CHILD_COMMAND_H_

#include <signal.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog::cli {

// A pipe with its ends closed on exec.
struct Pipe {
  UniqueFd reading;
  UniqueFd writing;

  static Result<Pipe> Make();
};

struct ChildOptions {
  std::vector<std::string> words;                                 // the command, looked for in PATH
  std::map<std::string, std::optional<std::string>> environment;  // set; no value: unset
  sigset_t signal_mask;                                           // of the child
  // How the child handles signals that are handled otherwise here.
  std::vector<std::pair<int, void (*)(int)>> handling;
};

// Closed here once the child has them.
struct ChildStreams {
  UniqueFd input;  // not valid: the child reads what we would
  UniqueFd output;
  UniqueFd errors;
  // The three are a terminal, which becomes the child's controlling terminal in a new session.
  bool is_terminal = false;
};

// One thread at a time. The process is in our process group, so that it shares the terminal and
// receives signals sent to the group.
class ChildCommand {
 public:
  // Starts it. Reports a failure of exec (ENOENT: 127, else 126). The command runs only if this
  // succeeds: everything else that can fail is done before exec.
  static Result<ChildCommand> Start(const ChildOptions& options, ChildStreams streams);

  // Readable when it has ended.
  int pidfd() const { return pidfd_.get(); }
  pid_t pid() const { return pid_; }
  // In our process group, which it may have left.
  bool SharesGroup() const;
  // Whether it has been stopped since the last call.
  bool HasStopped() const;
  // Nothing once it has been waited for.
  void Signal(int signal) const;
  // Waits for its end; the status as waitpid(2) gives it.
  int Wait();

 private:
  ChildCommand(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  pid_t pid_;
  UniqueFd pidfd_;
  bool has_ended_ = false;
};

// "SIGTERM"; "signal 40" for one without a name.
std::string SignalName(int signal);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_CHILD_COMMAND_H_
