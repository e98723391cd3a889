#include "base/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <memory>

namespace stagelog {
namespace {

// Entries of a folder of /proc, "." and ".." aside; 0 when it cannot be read.
int64_t CountEntries(const char* path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path), &::closedir);
  if (folder == nullptr) return 0;
  int64_t count = -2;
  while (::readdir(folder.get()) != nullptr) ++count;
  return count;
}

int64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t all_pages = 0;
  int64_t resident_pages = 0;
  file >> all_pages >> resident_pages;
  return resident_pages * ::sysconf(_SC_PAGESIZE);
}

int64_t DescriptorLimit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<int64_t>(limit.rlim_cur) : 0;
}

}  // namespace

void AddProcessMetrics(MetricsRegistry& metrics) {
  metrics.SetGaugeFunction("process_resident_memory_bytes", "Resident memory size in bytes.",
                           ResidentBytes);
  // The folder that is being read is one of them.
  metrics.SetGaugeFunction("process_open_fds", "Number of open file descriptors.",
                           [] { return CountEntries("/proc/self/fd") - 1; });
  metrics.SetGaugeFunction("process_max_fds", "Maximum number of open file descriptors.",
                           DescriptorLimit);
  metrics.SetGaugeFunction("process_threads", "Number of threads.",
                           [] { return CountEntries("/proc/self/task"); });
}

}  // namespace stagelog
