// The processes below this one.
#ifndef STAGELOG_TOOLS_CLI_RUN_PROCESS_TREE_H_
#define STAGELOG_TOOLS_CLI_RUN_PROCESS_TREE_H_

#include <sys/types.h>

#include <set>
#include <utility>

namespace stagelog::cli {

using Program = std::pair<dev_t, ino_t>;  // the file of a program

// From now on a process below this one whose parent ends stays below this one, so that it is found
// here.
void KeepOrphans();

// Asks the processes below this one to end, with SIGTERM and, for one that is stopped, SIGCONT. One
// that is born or handed on while they are looked for may be missed: Ask() is to be called again
// and again until all have ended.
class DescendantsToEnd {
 public:
  // Asks those that were not asked yet, parents first, and those that run another program since:
  // what comes between fork() and exec() may be lost. Not a `stagelog` and what is below it: it
  // learns of a cancel by itself, and ends its command in good order.
  void Ask();

  // Whether one is left that is to end. Takes note of the end of children: to be called only when
  // nobody waits for one.
  static bool AreLeft();

  // SIGKILL for all.
  static void Kill();

 private:
  std::set<std::pair<pid_t, Program>> asked_;  // with what each ran then
};

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_RUN_PROCESS_TREE_H_
