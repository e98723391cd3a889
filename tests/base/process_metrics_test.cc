#include "base/process_metrics.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <ctime>
#include <string>

#include "base/unique_fd.h"
#include "base/version.h"

namespace stagelog {
namespace {

int64_t ValueOf(const MetricsRegistry& metrics, const std::string& name) {
  const std::string text = "\n" + metrics.RenderText();
  const size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stoll(text.substr(at + name.size() + 2));
}

double RealValueOf(const MetricsRegistry& metrics, const std::string& name) {
  const std::string text = "\n" + metrics.RenderText();
  const size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

TEST(ProcessMetricsTest, TellsWhatTheProcessTakes) {
  MetricsRegistry metrics;
  AddProcessMetrics(metrics);
  EXPECT_GT(ValueOf(metrics, "process_resident_memory_bytes"), 1'000'000);
  EXPECT_GE(ValueOf(metrics, "process_threads"), 1);
  const int64_t before = ValueOf(metrics, "process_open_fds");
  EXPECT_GE(before, 3);
  const UniqueFd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd another(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ValueOf(metrics, "process_open_fds"), before + 2);
  EXPECT_GT(ValueOf(metrics, "process_max_fds"), before);
}

TEST(ProcessMetricsTest, TellsWhenItWasStartedAndWhatItIs) {
  MetricsRegistry metrics;
  AddProcessMetrics(metrics);
  const int64_t now = std::time(nullptr);
  EXPECT_LE(ValueOf(metrics, "process_start_time_seconds"), now + 1);
  EXPECT_GT(ValueOf(metrics, "process_start_time_seconds"), now - 86'400);
  const double cpu_before = RealValueOf(metrics, "process_cpu_seconds_total");
  EXPECT_GT(cpu_before, 0);
  while (RealValueOf(metrics, "process_cpu_seconds_total") < cpu_before + 0.001) {
  }  // rendering takes some itself
  EXPECT_NE(metrics.RenderText().find("stagelog_build_info{version=\"" + std::string(Version()) +
                                      "\"} 1\n"),
            std::string::npos);
}

}  // namespace
}  // namespace stagelog
