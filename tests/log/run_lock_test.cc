// One daemon for one runs folder, whatever becomes of stagelog.lock.
#include "log/run_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>

#include <filesystem>
#include <fstream>

#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class RunLockTest : public JournalTest {
 protected:
  std::string LockFile() const { return runs_ + "/stagelog.lock"; }
};

TEST_F(RunLockTest, TheFolderStaysLockedWhenTheFileIsRemoved) {
  Open();
  ASSERT_TRUE(fs::remove(LockFile()));
  const auto second = RunLock::Take(runs_);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr(runs_ + " is in use by"));
  EXPECT_FALSE(RunLock::TakeForReading(runs_));
  EXPECT_FALSE(fs::exists(LockFile())) << "who is refused leaves nothing";
  ASSERT_TRUE(Log("job", "goes on"));
  Close();
  EXPECT_TRUE(RunLock::Take(runs_));
}

TEST_F(RunLockTest, SoItDoesWhenTheFileIsExchanged) {
  Open();
  ASSERT_TRUE(fs::remove(LockFile()));
  std::ofstream(LockFile()) << "stagelogd (pid 1)\n";
  EXPECT_FALSE(RunLock::Take(runs_));
  EXPECT_FALSE(RunLock::TakeForReading(runs_));
}

TEST_F(RunLockTest, AnotherPathToTheFolderIsTheSameFolder) {
  Open();
  const std::string link = directory_.Path("link");
  fs::create_symlink(runs_, link);
  EXPECT_FALSE(RunLock::Take(link));
  Close();
  const auto lock = RunLock::Take(link);
  ASSERT_TRUE(lock) << lock.error().message;
  EXPECT_TRUE(lock->CheckStillHeld());
}

// As a daemon of before folders were locked does.
TEST_F(RunLockTest, WhoHasTheFileAloneKeepsOthersOutToo) {
  fs::create_directory(runs_);
  std::ofstream(LockFile()) << "stagelogd (pid 1)\n";
  const UniqueFd held(::open(LockFile().c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(held.get(), LOCK_EX | LOCK_NB), 0);
  const auto is_refused = [](const Result<RunLock>& lock) {
    return !lock && lock.error().message.ends_with("is in use by stagelogd (pid 1)");
  };
  EXPECT_TRUE(is_refused(RunLock::Take(runs_)));
  EXPECT_TRUE(is_refused(RunLock::TakeForReading(runs_)));
}

// As another journal's folder may have its name by now.
TEST_F(RunLockTest, NothingIsWrittenByThePathOfAFolderThatWasMoved) {
  Open();
  ASSERT_TRUE(Log("job", "1"));
  const std::string moved = directory_.Path("moved");
  fs::rename(runs_, moved);
  fs::create_directory(runs_);
  const AppendOutcome outcome = Log("job", "2");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "journal_unavailable");
  EXPECT_THAT(outcome.error().detail, HasSubstr(runs_ + " was moved or removed"));
  EXPECT_EQ(outcome.error().members.front().second, "\"not_applied\"");
  WaitForRetry();
  EXPECT_FALSE(logger_->GetStatus().writable);
  EXPECT_TRUE(fs::is_empty(runs_));
  fs::remove(runs_);
  fs::rename(moved, runs_);
  WaitForRetry();
  EXPECT_TRUE(logger_->GetStatus().writable);
  ASSERT_TRUE(Log("job", "3"));
  ExpectAgreement();
}

TEST_F(RunLockTest, NorAtTheEnd) {
  Open();
  ASSERT_TRUE(Log("job", "1"));
  const std::string moved = directory_.Path("moved");
  fs::rename(runs_, moved);
  fs::create_directory(runs_);
  Close();
  EXPECT_TRUE(fs::is_empty(runs_));
  fs::remove(runs_);
  fs::rename(moved, runs_);
  Open();
  EXPECT_EQ(Bodies("job").size(), 1U);
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
