// The descendants of this process.
#ifndef STAGELOG_CLI_RUN_PROCESS_TREE_H_
#define STAGELOG_CLI_RUN_PROCESS_TREE_H_

#include <sys/types.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stagelog::cli {

using Program = std::pair<dev_t, ino_t>;  // the file of a program

// A process that still runs.
struct RunningProcess {
  pid_t pid = -1;
  std::string name;  // as proc(5) has it: 15 bytes at most
};

// Becomes the reaper of orphaned descendants, so that they stay below this process. They must be
// waited for, see ReapAdopted().
void KeepOrphans();

// Reaps adopted children: all but `ours`.
void ReapAdopted(const std::set<pid_t>& ours);

// Descendants that still run, except for `ours` and daemons: adopted processes with a session that
// is neither ours nor `session` (0: none).
std::vector<RunningProcess> ProcessesLeft(const std::set<pid_t>& ours, pid_t session);

// Terminates the descendants of this process, with SIGTERM and, if stopped, SIGCONT. A process
// created or adopted during the scan may be missed: call SignalNew() repeatedly until all have
// ended.
class DescendantsToEnd {
 public:
  // Excludes `spared` and their descendants.
  void Spare(std::set<pid_t> spared) { spared_ = std::move(spared); }
  // Records that this process was already signaled.
  void MarkSignaled(pid_t pid);

  // Signals those not signaled yet, parents first, and those that have called exec since: a signal
  // between fork() and exec() may be lost. Skips a nested `stagelog` and its descendants: it
  // detects a cancel by itself, and ends its command cleanly.
  void SignalNew();

  // Whether a process to terminate is left. Reaps children: call it only when nobody waits for one.
  bool AnyRemaining() const;

  // SIGKILL for all.
  void Kill() const;

 private:
  std::set<std::pair<pid_t, Program>> asked_;  // with what each ran then
  std::set<pid_t> spared_;
};

// The children of this process that have become daemons, as ProcessesLeft() tells them apart.
std::set<pid_t> AdoptedDaemons(const std::set<pid_t>& ours, pid_t session);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_PROCESS_TREE_H_
