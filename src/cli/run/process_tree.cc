#include "cli/run/process_tree.h"

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

void CollectBelow(pid_t parent, bool spares_runs, const std::set<pid_t>& spared,
                  std::vector<pid_t>& found) {
  for (const pid_t pid : ChildrenOf(parent)) {
    if (spared.contains(pid) || (spares_runs && IsOurProgram(pid))) continue;
    found.push_back(pid);
    CollectBelow(pid, spares_runs, spared, found);
  }
}

// Its name; empty for one that has ended and is only to be waited for.
std::string NameOfRunning(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const size_t begin = text.find('(');
  const size_t end = text.rfind(") ");
  if (begin == std::string::npos || end == std::string::npos || end + 2 >= text.size()) return "";
  const char state = text[end + 2];
  return state == 'Z' || state == 'X' ? "" : text.substr(begin + 1, end - begin - 1);
}

}  // namespace

void KeepOrphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

void ReapAdopted(const std::set<pid_t>& ours) {
  for (const pid_t pid : ChildrenOf(::getpid())) {
    if (!ours.contains(pid)) ::waitpid(pid, nullptr, WNOHANG);
  }
}

std::set<pid_t> AdoptedDaemons(const std::set<pid_t>& ours, pid_t session) {
  std::set<pid_t> daemons;
  for (const pid_t pid : ChildrenOf(::getpid())) {
    const pid_t its = ::getsid(pid);
    const bool is_near = its == ::getsid(0) || (session != 0 && its == session);
    if (!ours.contains(pid) && !is_near) daemons.insert(pid);
  }
  return daemons;
}

std::vector<RunningProcess> ProcessesLeft(const std::set<pid_t>& ours, pid_t session) {
  std::set<pid_t> spared = AdoptedDaemons(ours, session);
  spared.insert(ours.begin(), ours.end());
  std::vector<pid_t> found;
  CollectBelow(::getpid(), false, spared, found);
  std::vector<RunningProcess> left;
  for (const pid_t pid : found) {
    std::string name = NameOfRunning(pid);
    if (!name.empty()) left.push_back({pid, std::move(name)});
  }
  return left;
}

void DescendantsToEnd::MarkSignaled(pid_t pid) {
  asked_.emplace(pid, ProgramOf(std::to_string(pid)));
}

void DescendantsToEnd::SignalNew() {
  // First all are found: one that ends loses its children to us.
  std::vector<pid_t> found;
  CollectBelow(::getpid(), true, spared_, found);
  for (const pid_t pid : found) {
    if (!asked_.emplace(pid, ProgramOf(std::to_string(pid))).second) continue;
    ::kill(pid, SIGTERM);
    ::kill(pid, SIGCONT);
  }
}

bool DescendantsToEnd::AnyRemaining() const {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  std::vector<pid_t> found;
  CollectBelow(::getpid(), true, spared_, found);
  return !found.empty();
}

void DescendantsToEnd::Kill() const {
  std::vector<pid_t> found;
  CollectBelow(::getpid(), false, spared_, found);
  for (const pid_t pid : found) ::kill(pid, SIGKILL);
}

}  // namespace stagelog::cli
