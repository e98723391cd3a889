// What ends a command that would go on for ever: Ctrl-C and its like, and a reader of standard
// output that has gone (`| head`), noticed also while there is nothing to write.
#ifndef STAGELOG_CLI_INTERRUPTION_H_
#define STAGELOG_CLI_INTERRUPTION_H_

#include <signal.h>

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "base/unique_fd.h"
#include "client/exit_code.h"

namespace stagelog::cli {

// While one exists, SIGINT, SIGTERM and SIGHUP do not end the process: a thread of its own sees
// them and calls `on_interrupt`, again and again until the object is gone, for a request may just
// have been on its way past the first call. A command that has not ended three seconds later (it
// writes to somebody who does not read, say) is ended here. Make it before any other thread.
class Interruption {
 public:
  explicit Interruption(std::function<void()> on_interrupt);
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // What the command ends with because of it: kInterrupted, kTerminated, kClosedOutput; none when
  // nothing has happened.
  std::optional<ExitCode> code() const;

 private:
  void Watch();
  // Waits for the first cause; false when the object goes before one comes.
  bool WaitForCause();
  void TellUntilDone();

  std::function<void()> on_interrupt_;
  sigset_t signals_{};
  sigset_t former_signals_{};
  UniqueFd signal_fd_;
  UniqueFd done_fd_;
  std::atomic<int> code_{0};
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_INTERRUPTION_H_
