// Forwards signals sent to a `stagelog run` to its command: each once, whether it was sent to the
// process or to its group. SIGCONT and SIGWINCH too, unless the command has a terminal of its own:
// there they mean our terminal, and what the command gets is made of that.
#ifndef STAGELOG_CLI_RUN_PASSED_SIGNALS_H_
#define STAGELOG_CLI_RUN_PASSED_SIGNALS_H_

#include <signal.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "cli/run/signal_witness.h"

namespace stagelog::cli {

struct PassedSignal {
  int number = 0;
  bool is_cancel = false;  // SIGINT, SIGTERM, SIGHUP, SIGQUIT
};

// From construction to Restore() those signals do not end this process: they are read. Ones that
// were ignored stay so (nohup). Made before any thread is; used on the thread that made it.
//
// A signal that may have reached the command as well (it was sent by kill(2), and the command is in
// our process group) is held back for a moment: `timeout` sends first to us and then to the group.
// Then the witness is asked. The same signal again within that moment is the same one.
class PassedSignals {
 public:
  PassedSignals(const std::vector<std::string>& command, bool command_has_terminal);
  ~PassedSignals() { Restore(); }
  PassedSignals(const PassedSignals&) = delete;
  PassedSignals& operator=(const PassedSignals&) = delete;

  int fd() const { return fd_.get(); }
  // Reads pending signals, and returns the new ones. `shares_group`: the command is in our process
  // group.
  std::vector<PassedSignal> Read(bool shares_group);
  // Signals to forward to the command now, in order of arrival.
  std::vector<int> TakeDue(bool shares_group);
  // Monotonic: when to call TakeDue() next; 0: nothing waits.
  int64_t NextDueMicros() const;

  // Each true once after it has come: SIGCHLD, SIGWINCH, SIGCONT.
  bool TakeChildChange() { return std::exchange(has_child_change_, false); }
  bool TakeWindowChange() { return std::exchange(has_window_change_, false); }
  bool TakeContinued() { return std::exchange(is_continued_, false); }

  pid_t witness_pid() const { return witness_ ? witness_->pid() : -1; }
  // The previous signal mask, for the command.
  const sigset_t& mask_before() const { return mask_before_; }
  // Signals whose handling we have changed for ourselves, and what the command is to have.
  const std::vector<std::pair<int, void (*)(int)>>& handling_before() const {
    return handling_before_;
  }
  // Restores the previous handling.
  void Restore();

 private:
  struct Arrival {
    int number = 0;
    int64_t micros = 0;  // monotonic
    bool is_decided = false;
  };

  bool Judge(int number, int code, bool shares_group);

  const bool command_has_terminal_;
  sigset_t mask_before_{};
  std::vector<std::pair<int, void (*)(int)>> handling_before_;
  UniqueFd fd_;
  std::unique_ptr<SignalWitness> witness_;
  std::vector<Arrival> arrivals_;  // of the last moment
  std::vector<int> due_;
  bool has_child_change_ = false;
  bool has_window_change_ = false;
  bool is_continued_ = false;
  bool is_restored_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_PASSED_SIGNALS_H_
