#include "tools/cli/run/process_tree.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
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

// The file of the program that it runs; zeros for a process that has gone.
Program ProgramOf(const std::string& pid) {
  struct stat info {};
  const bool is_there = ::stat(("/proc/" + pid + "/exe").c_str(), &info) == 0;
  return is_there ? Program(info.st_dev, info.st_ino) : Program();
}

bool IsOurProgram(pid_t pid) {
  const Program ours = ProgramOf("self");
  return ours != Program() && ours == ProgramOf(std::to_string(pid));
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

void DescendantsToEnd::Ask() {
  // First all are found: one that ends loses its children to us.
  std::vector<pid_t> found;
  CollectBelow(::getpid(), true, found);
  for (const pid_t pid : found) {
    if (!asked_.emplace(pid, ProgramOf(std::to_string(pid))).second) continue;
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGCONT);
  }
}

bool DescendantsToEnd::AreLeft() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  std::vector<pid_t> found;
  CollectBelow(::getpid(), true, found);
  return !found.empty();
}

void DescendantsToEnd::Kill() {
  std::vector<pid_t> found;
  CollectBelow(::getpid(), false, found);
  for (const pid_t pid : found) ::kill(pid, SIGKILL);
}

}  // namespace stagelog::cli
