// The processes below this one.
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

// From now on a process below this one whose parent ends stays below this one, so that it is found
// here. Has to be waited for, see ReapAdopted().
void KeepOrphans();

// Takes note of the end of children that were handed on to this process: all but `ours`.
void ReapAdopted(const std::set<pid_t>& ours);

// What runs below this process but for `ours`, and for what has become a daemon: it was handed on
// to this process and has a session that is neither this one's nor `session` (0: none).
std::vector<RunningProcess> ProcessesLeft(const std::set<pid_t>& ours, pid_t session);

// Asks the processes below this one to end, with SIGTERM and, for one that is stopped, SIGCONT. One
// that is born or handed on while they are looked for may be missed: Ask() is to be called again
// and again until all have ended.
class DescendantsToEnd {
 public:
  // Not `spared` and what is below them, from now on.
  void Spare(std::set<pid_t> spared) { spared_ = std::move(spared); }
  // This one was asked by other means.
  void NoteAsked(pid_t pid);

  // Asks those that were not asked yet, parents first, and those that run another program since:
  // what comes between fork() and exec() may be lost. Not a `stagelog` and what is below it: it
  // learns of a cancel by itself, and ends its command in good order.
  void Ask();

  // Whether one is left that is to end. Takes note of the end of children: to be called only when
  // nobody waits for one.
  bool AreLeft() const;

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
