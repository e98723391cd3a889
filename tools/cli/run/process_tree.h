// The processes below this one.
#ifndef STAGELOG_TOOLS_CLI_RUN_PROCESS_TREE_H_
#define STAGELOG_TOOLS_CLI_RUN_PROCESS_TREE_H_

namespace stagelog::cli {

// From now on a process below this one whose parent ends stays below this one, so that
// SignalDescendants finds it.
void KeepOrphans();

// Sends `signal` to all of them, parents first; where `spares_runs`, not to a `stagelog` and what
// is below it: it learns of a cancel by itself, and ends its command in good order.
void SignalDescendants(int signal, bool spares_runs);

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_RUN_PROCESS_TREE_H_
