// A terminal for the command of a `stagelog run --pty`: programs that see one do not keep their
// output back in a buffer, and draw their bars.
//
// Where our standard input is a terminal, it is made raw: what is typed goes to the command's own
// terminal as it is, which echoes it and makes signals of ^C and ^Z as usual. Where it is a pipe or
// a file, that is fed to the command without echo, and its end is typed as ^D.
#ifndef STAGELOG_CLI_RUN_PSEUDO_TERMINAL_H_
#define STAGELOG_CLI_RUN_PSEUDO_TERMINAL_H_

#include <poll.h>
#include <sys/types.h>
#include <termios.h>

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"

namespace stagelog::cli {

// Used on one thread.
class PseudoTerminal {
 public:
  // A pair with the size of our terminal: of standard output, else of standard input, else what
  // LINES and COLUMNS say, else 24 by 80.
  static Result<PseudoTerminal> Open();
  ~PseudoTerminal() { Restore(); }
  PseudoTerminal(PseudoTerminal&&) = default;  // before Enter()
  PseudoTerminal& operator=(PseudoTerminal&&) = delete;

  // A new descriptor of the command's side, close-on-exec.
  Result<UniqueFd> CommandEnd() const;
  // The command has opened its side.
  void CommandHasStarted(pid_t command) {
    command_ = command;
    command_end_.Reset();
  }
  // A non-blocking descriptor of our side, for reading.
  Result<UniqueFd> OurEnd() const;

  // Makes our terminal raw where we are in its foreground; again after a stop, and when we have
  // come (back) to the foreground.
  void Enter();
  // As it was before Enter().
  void Restore();
  // Passes a change of size on.
  void CopySize();

  // What to poll(2) for input, and what to do with the answer. Negative descriptors are passed
  // over.
  std::array<pollfd, 2> Entries() const;
  // Our terminal is somebody else's now (`COMMAND &`, `bg`). Nothing tells a process that runs that
  // it is in the foreground again: to be looked at from time to time, with Enter().
  bool IsInBackground() const;
  void Move(const std::array<pollfd, 2>& entries);
  // What the command's terminal made of the first ^C or ^\ that was typed for the command itself
  // (not for something that it runs in the foreground): SIGINT or SIGQUIT; 0: nothing yet.
  int TypedSignal() const { return typed_signal_; }

  // True once after a ^Z was typed that is for `command` itself. Nobody in its session could
  // continue it, so that the kernel would not stop it (POSIX, "orphaned process group").
  bool TakeStop() { return std::exchange(wants_stop_, false); }
  // The command is stopped, and so are we, with our process group, as without a terminal between.
  // Where nobody could continue us, all goes on.
  void StopWithCommand();
  // We go on, and so does the command.
  void Continue();

 private:
  PseudoTerminal() = default;
  bool IsForeground() const;
  void ReadInput();
  void WriteOn();
  void TakeTyped(const char* bytes, size_t size);

  UniqueFd our_end_;
  UniqueFd command_end_;
  bool input_is_terminal_ = false;
  bool knows_before_ = false;  // before_ is what the terminal was when it was ours
  bool is_raw_ = false;
  bool input_has_ended_ = false;
  int typed_signal_ = 0;
  bool at_line_start_ = true;
  bool wants_stop_ = false;
  bool is_stopped_ = false;
  pid_t command_ = -1;  // leads its session
  termios before_{};
  std::string typed_;  // not taken by the command's terminal yet
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_PSEUDO_TERMINAL_H_
