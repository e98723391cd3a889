// Detects whether a signal sent to this process was sent to its whole group as well.
//
// The kernel does not say to a receiver who else was sent a signal. A witness can: a small process
// in our own process group, session and cgroup that does nothing but take note of signals. What
// reached it was sent to the group (timeout, killpg, a shell's `kill %1`), to the whole service (a
// supervisor), or to everything of a name (its command line is that of the command), and so it has
// reached the command, too. What did not reach it was meant for this process alone.
#ifndef STAGELOG_CLI_RUN_SIGNAL_WITNESS_H_
#define STAGELOG_CLI_RUN_SIGNAL_WITNESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace stagelog::cli {

// One thread at a time.
class SignalWitness {
 public:
  // Forks the witness. To be called before there is any other thread, with the signals blocked that
  // `signals_fd` (a signalfd) reads. Where there is no process to be had, there is no witness.
  SignalWitness(int signals_fd, const std::vector<std::string>& command);
  // Ends it.
  ~SignalWitness();
  SignalWitness(const SignalWitness&) = delete;
  SignalWitness& operator=(const SignalWitness&) = delete;

  bool is_there() const { return channel_.valid(); }
  pid_t pid() const { return pid_; }
  // Lets it go on where it was stopped.
  void Continue() const;

  // True if `signal` has reached the witness at `since_micros` (monotonic) or later. Waits up to
  // half a second for its answer; no answer counts as false.
  bool Saw(int signal, int64_t since_micros);

 private:
  pid_t pid_ = -1;
  uint64_t asked_ = 0;
  UniqueFd channel_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_SIGNAL_WITNESS_H_
