// Signals that a `stagelog run` is given, to be passed on to its command.
#ifndef STAGELOG_TOOLS_CLI_RUN_PASSED_SIGNALS_H_
#define STAGELOG_TOOLS_CLI_RUN_PASSED_SIGNALS_H_

#include <signal.h>

#include <optional>
#include <vector>

#include "base/unique_fd.h"

namespace stagelog::cli {

struct PassedSignal {
  int number = 0;
  bool reached_command = false;  // the terminal has sent it to the command, too
  bool is_cancel = false;        // SIGINT, SIGTERM, SIGHUP, SIGQUIT
};

// From construction to Restore() those signals do not end this process: they are read. Ones that
// were ignored stay so (nohup). Made before any thread is; used on the thread that made it.
class PassedSignals {
 public:
  PassedSignals();
  ~PassedSignals() { Restore(); }
  PassedSignals(const PassedSignals&) = delete;
  PassedSignals& operator=(const PassedSignals&) = delete;

  int fd() const { return fd_.get(); }
  // The next one that has come.
  std::optional<PassedSignal> Take();
  // What the process had before: the command's mask.
  const sigset_t& mask_before() const { return mask_before_; }
  // Signals that we ignore for ourselves and that the command is to have as usual.
  const std::vector<int>& ignored_here() const { return ignored_here_; }
  // They end this process again.
  void Restore();

 private:
  sigset_t mask_before_{};
  std::vector<int> ignored_here_;
  UniqueFd fd_;
  bool is_restored_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_RUN_PASSED_SIGNALS_H_
