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

// 0 for one that has gone.
ino_t ProgramOf(pid_t pid) {
  struct stat info {};
  const std::string path = "/proc/" + std::to_string(pid) + "/exe";
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
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

void DescendantsToEnd::Ask() {
  // First all are found: one that ends loses its children to us.
  std::vector<pid_t> found;
  CollectBelow(::getpid(), true, found);
  for (const pid_t pid : found) {
    if (!asked_.emplace(pid, ProgramOf(pid)).second) continue;
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGCONT);
  }
}

void DescendantsToEnd::Kill() {
  std::vector<pid_t> found;
  CollectBelow(::getpid(), false, found);
  for (const pid_t pid : found) ::kill(pid, SIGKILL);
}

}  // namespace stagelog::cli
