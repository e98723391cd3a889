#include "base/process_metrics.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <string>

#include "base/unique_fd.h"

namespace stagelog {
namespace {

int64_t ValueOf(const MetricsRegistry& metrics, const std::string& name) {
  const std::string text = "\n" + metrics.RenderText();
  const size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::stoll(text.substr(at + name.size() + 2));
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

}  // namespace
}  // namespace stagelog
