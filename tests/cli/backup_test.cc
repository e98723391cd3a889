// stagelog backup, and what the offline commands say of a copy.
#include <filesystem>

#include "tests/cli/command_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

class BackupCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    Start(std::string(kTestConfig) + "storage:\n  backup_dir: " + backups_ + "\n");
    cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:" + std::to_string(daemon_->port()));
    cli_.SetEnvironment("STAGELOG_TOKEN", std::string(kAdminToken));
    AppendLogs("job", 3);
  }

  std::string backups_ = directory_.Path("backups");
};

TEST_F(BackupCommandTest, SaysWhatItHolds) {
  const CliResultText made = Run({"backup", "--to", "daily"});
  EXPECT_THAT(made.out, HasSubstr(backups_ + "/daily: 1 jobs, "));
  EXPECT_THAT(made.out, HasSubstr(" bytes, events up to seq 3\n"));
  Run({"verify", backups_ + "/daily", "--database"});
  ExpectFailure({"backup", "--to", "daily"}, 6, "already exists");
  ExpectFailure({"backup", "--to", "../daily"}, 2, "--to");
  const Json report = Json::parse(Run({"backup", "--json"}).out);
  EXPECT_EQ(report["head_seq"], 3);
  EXPECT_TRUE(std::filesystem::exists(report["path"].get<std::string>() + "/stagelog.db"));
}

TEST_F(BackupCommandTest, TakesTheRoleOfAnAdmin) {
  cli_.SetEnvironment("STAGELOG_TOKEN", std::string(kWriterToken));
  ExpectFailure({"backup"}, 6, "role");
}

}  // namespace
}  // namespace stagelog
