#include "tools/cli/run/process_tree.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace stagelog::cli {
namespace {

// proc(5), /proc/[pid]/task/[tid]/children.
std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code problem;
  std::filesystem::directory_iterator task("/proc/" + std::to_string(pid) + "/task", problem);
  for (; !problem && task != std::filesystem::directory_iterator(); task.increment(problem)) {
    std::ifstream list(task->path() / "children");
    for (pid_t child = 0; list >> child;) children.push_back(child);
  }
  return children;
}

// True for a process that runs the same program as this one.
bool IsOurProgram(pid_t pid) {
  struct stat ours {};
  struct stat other {};
  return ::stat("/proc/self/exe", &ours) == 0 &&
         ::stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &other) == 0 &&
         ours.st_dev == other.st_dev && ours.st_ino == other.st_ino;
}

void CollectBelow(pid_t parent, bool spares_runs, std::vector<pid_t>& found) {
  for (const pid_t pid : ChildrenOf(parent)) {
    if (spares_runs && IsOurProgram(pid)) continue;
    found.push_back(pid);
    CollectBelow(pid, spares_runs, found);
  }
}

}  // namespace

void KeepOrphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

void SignalDescendants(int signal, bool spares_runs) {
  // First all are found: one that ends loses its children to us.
  std::vector<pid_t> found;
  CollectBelow(::getpid(), spares_runs, found);
  for (const pid_t pid : found) ::kill(pid, signal);
}

}  // namespace stagelog::cli
