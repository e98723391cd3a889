// Ends an endless command: on Ctrl-C and the like, and when the reader of standard output exits (`|
// head`), even if there is nothing to write.
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

// While an instance exists, SIGINT, SIGTERM and SIGHUP do not end the process: a thread receives
// them and calls `on_interrupt`, repeatedly until the object is destroyed, because a request may
// just be starting during the first call. A command that has not ended after three seconds (because
// it blocks on output, say) is ended here. Create it before any other thread.
class Interruption {
 public:
  explicit Interruption(std::function<void()> on_interrupt);
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  // The resulting exit code: kInterrupted, kTerminated, kClosedOutput; none if there was no
  // interruption.
  std::optional<ExitCode> code() const;

 private:
  void Watch();
  // Waits for the first cause; false when the object goes before one comes.
  bool WaitForCause();
  void NotifyUntilDone();

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
