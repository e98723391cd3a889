#include "base/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>

#include "base/file_system.h"
#include "base/version.h"

namespace stagelog {
namespace {

// Entries of a folder of /proc; 0 when it cannot be read to its end.
int64_t CountEntries(const char* path) {
  const Result<std::vector<std::string>> names = RealFileSystem().List(path);
  return names ? static_cast<int64_t>(names->size()) : 0;
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

// User and system time of all threads.
double CpuSeconds() {
  timespec used{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

// When the machine was started, in seconds since 1970.
double BootSeconds() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return 0;
}

// When this process was started, in seconds since 1970, to a hundredth; 0 when /proc does not say.
double StartSeconds() {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  // The second field is the program's name, in parentheses, and may hold anything.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;  // field 22, since the machine was started
  fields >> ticks;
  return BootSeconds() + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

void AddProcessMetrics(MetricsRegistry& metrics) {
  metrics.SetGaugeFunction("process_resident_memory_bytes", "Resident memory size in bytes.",
                           ResidentBytes);
  // The folder that is being read is one of them.
  metrics.SetGaugeFunction("process_open_fds", "Number of open file descriptors.",
                           [] { return std::max<int64_t>(0, CountEntries("/proc/self/fd") - 1); });
  metrics.SetGaugeFunction("process_max_fds", "Maximum number of open file descriptors.",
                           DescriptorLimit);
  metrics.SetGaugeFunction("process_threads", "Number of threads.",
                           [] { return CountEntries("/proc/self/task"); });
  using Kind = MetricsRegistry::Kind;
  metrics.SetFunction(Kind::kCounter, "process_cpu_seconds_total",
                      "Total user and system CPU time spent in seconds.", CpuSeconds);
  metrics.SetFunction(Kind::kGauge, "process_start_time_seconds",
                      "Start time of the process since the Unix epoch in seconds.",
                      [start = StartSeconds()] { return start; });
  metrics.SetGaugeFunction(
      "stagelog_build_info", "Always 1; the labels describe the build.", [] { return int64_t{1}; },
      "version=\"" + EscapeLabelValue(Version()) + "\"");
}

}  // namespace stagelog
