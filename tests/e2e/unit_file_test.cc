// conf/stagelogd.service: its command line is one that the daemon knows, and it stays hardened.
#include <gmock/gmock.h>

#include <cstdio>
#include <sstream>

#include "tests/support/daemon_process.h"
#include "tests/support/journal_evidence.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

struct Ran {
  int status = -1;
  std::string output;
};

Ran RunShell(const std::string& command) {
  Ran ran;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return ran;
  char buffer[4096];
  for (size_t got = 0; (got = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    ran.output.append(buffer, got);
  }
  ran.status = ::pclose(pipe);
  return ran;
}

TEST(UnitFile, TheDaemonKnowsItsFlags) {
  std::string command;
  for (const std::string& line : SplitLines(ReadAll(STAGELOG_UNIT_FILE))) {
    if (line.starts_with("ExecStart=")) command = line.substr(10);
  }
  ASSERT_THAT(command, HasSubstr("/stagelogd "));
  const std::string help = RunShell(DaemonPath() + " --help").output;
  std::istringstream words(command);
  int flags = 0;
  for (std::string word; words >> word;) {
    if (!word.starts_with("--")) continue;
    ++flags;
    EXPECT_THAT(help, HasSubstr(word + " "));
  }
  EXPECT_GT(flags, 0);
}

TEST(UnitFile, ExposureStaysLow) {
  if (RunShell("systemd-analyze --version").status != 0) GTEST_SKIP() << "no systemd-analyze here";
  const Ran ran = RunShell(std::string("systemd-analyze security --offline=true --threshold=15 ") +
                           STAGELOG_UNIT_FILE);
  EXPECT_EQ(ran.status, 0) << ran.output;
}

}  // namespace
}  // namespace stagelog
