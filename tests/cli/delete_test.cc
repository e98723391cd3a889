// stagelog delete.
#include <unistd.h>

#include <chrono>
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

TEST_F(DeleteCommandTest, WhoFollowsIsTold) {
  auto tail = cli_.Start({"tail", "old"});
  const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (SplitLines(tail->out()).size() < 3) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up_at) << tail->err();
    ::usleep(10'000);
  }
  Run({"delete", "old", "--yes"});
  EXPECT_THAT(tail->Wait().err, ::testing::HasSubstr("job old was permanently deleted"));
}

TEST_F(DeleteCommandTest, ARunningCommandGoesOnWithoutItsJournal) {
  Run({"delete", "old", "--yes"});
  const CliResultText result =
      Run({"run", "--job", "old", "--", "sh", "-c", "echo hello; exit 7"}, "", 7);
  EXPECT_THAT(result.out, ::testing::HasSubstr("hello"));
  EXPECT_THAT(result.err, ::testing::HasSubstr("job_deleted"));
}

TEST_F(DeleteCommandTest, TakesTheRoleOfAnAdmin) {
  cli_.SetEnvironment("STAGELOG_TOKEN", std::string(kWriterToken));
  ExpectFailure({"delete", "old", "--yes"}, 6, "role");
  EXPECT_EQ(Lines("old").size(), 3U);
}

}  // namespace
}  // namespace stagelog
