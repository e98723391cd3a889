// Events may hold what is not everybody's business.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

class FileModeTest : public DaemonTest {};

TEST_F(FileModeTest, NothingThatTheDaemonMakesIsForOthers) {
  namespace fs = std::filesystem;
  Start();
  Append("j", R"({"type":"job_started"})");
  Append("j", R"({"type":"gate_pause","gate":"g"})");
  Stop();  // everything is written by then
  int seen = 0;
  for (const auto& entry : fs::recursive_directory_iterator(runs_dir())) {
    const fs::perms mode = entry.status().permissions();
    EXPECT_EQ(mode & (fs::perms::others_all | fs::perms::group_write), fs::perms::none)
        << entry.path();
    ++seen;
  }
  EXPECT_GE(seen, 4);
}

}  // namespace
}  // namespace stagelog
