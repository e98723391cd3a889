// stagelog delete.
#include <filesystem>

#include "tests/cli/command_fixture.h"

namespace stagelog {
namespace {

class DeleteCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    StartDaemon();
    AppendLogs("old", 3);
  }
};

TEST_F(DeleteCommandTest, WantsToBeSure) {
  ExpectFailure({"delete", "old"}, 2, "old (created, 3 events)");
  ExpectFailure({"delete", "old"}, 2, "--yes");
  ExpectFailure({"delete"}, 2, "job");
  EXPECT_EQ(Lines("old").size(), 3U);
}

TEST_F(DeleteCommandTest, DeletesAndSaysWhat) {
  EXPECT_EQ(Run({"delete", "old", "--yes"}).out, "deleted old: 3 events, seq 1 to 3\n");
  EXPECT_FALSE(std::filesystem::exists(runs_dir() + "/old"));
  ExpectFailure({"delete", "old", "--yes"}, 6, "job_deleted");
  ExpectFailure({"delete", "never", "--yes"}, 6, "unknown_job");
  ExpectFailure({"emit", "old", "log", "--message", "late"}, 6, "job_deleted");
  ExpectFailure({"show", "old"}, 6, "job_deleted");
  ExpectFailure({"tail", "old"}, 6, "job_deleted");
}

TEST_F(DeleteCommandTest, TakesTheRoleOfAnAdmin) {
  cli_.SetEnvironment("STAGELOG_TOKEN", std::string(kWriterToken));
  ExpectFailure({"delete", "old", "--yes"}, 6, "role");
  EXPECT_EQ(Lines("old").size(), 3U);
}

}  // namespace
}  // namespace stagelog
