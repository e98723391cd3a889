// The descendants of this process.
#ifndef STAGELOG_CLI_RUN_PROCESS_TREE_H_
#define STAGELOG_CLI_RUN_PROCESS_TREE_H_

#include <sys/types.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stagelog::cli {

using Program = std::pair<dev_t, ino_t>;  // device and inode of the executable file

// A process that still runs.
struct RunningProcess {
  pid_t pid = -1;
  std::string name;  // the name in proc(5), at most 15 bytes
};

// Makes this process adopt its orphaned descendants, so that they stay below it. Call ReapAdopted()
// to wait for those that end.
void KeepOrphans();

// Waits for all children that have ended, except those in `ours`.
void ReapAdopted(const std::set<pid_t>& ours);

// The descendants that still run, except `ours`, daemons, and what runs below them. A daemon is an
// adopted process whose session is neither this process's nor `session` (0: no second session).
std::vector<RunningProcess> ProcessesLeft(const std::set<pid_t>& ours, pid_t session);

// Terminates the descendants of this process with SIGTERM, then SIGCONT for stopped ones. A process
// created or adopted during the scan may be missed: call SignalNew() repeatedly until all have
// ended.
class DescendantsToEnd {
 public:
  // Excludes `spared` and their descendants.
  void Spare(std::set<pid_t> spared) { spared_ = std::move(spared); }
  // Records that process `pid` was already signaled.
  void MarkSignaled(pid_t pid);

  // Signals processes not signaled yet, parents first, and those that called exec since: a signal
  // between fork() and exec() may be lost. Skips a nested `stagelog` and its descendants: a nested
  // `stagelog` detects a cancel by itself, and ends its own command cleanly.
  void SignalNew();

  // True if a process to terminate is left. Reaps any child: nothing else may wait for children.
  bool AnyRemaining() const;

  // Sends SIGKILL to all descendants, except `spared` and those below them.
  void Kill() const;

 private:
  std::set<std::pair<pid_t, Program>> asked_;  // signaled processes, each with its program then
  std::set<pid_t> spared_;
};

// The children of this process that are daemons, as defined at ProcessesLeft().
std::set<pid_t> AdoptedDaemons(const std::set<pid_t>& ours, pid_t session);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_PROCESS_TREE_H_
