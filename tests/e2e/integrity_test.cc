// stagelogd --integrity-check as a person runs it.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/support/daemon_fixture.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

class IntegrityCheckTest : public DaemonTest {
 protected:
  void SetUp() override { Start(); }

  // What it prints; fails the test unless it ends with `exit_code`.
  std::string Check(const std::string& runs_dir, int exit_code) {
    const std::string errors = directory_.Path("check-stderr");
    std::filesystem::remove(errors);
    auto process = ChildProcess::Spawn({DaemonPath(), "--config", Options().config_path,
                                        "--runs-dir", runs_dir, "--integrity-check"},
                                       errors);
    EXPECT_TRUE(process);
    std::string text;
    while (const auto line = (*process)->ReadLine(std::chrono::seconds(30))) text += *line + "\n";
    EXPECT_EQ((*process)->WaitForExit(std::chrono::seconds(30)), exit_code) << text;
    return text + (*process)->StderrText();
  }

  using Folder = std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>>;
  Folder Everything() const {
    Folder folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(runs_dir())) {
      const std::string text = entry.is_regular_file() ? ReadAll(entry.path().string()) : "";
      folder[entry.path().string()] = {text, entry.last_write_time()};
    }
    return folder;
  }
};

TEST_F(IntegrityCheckTest, WhileADaemonRunsItDoesNotLook) {
  AppendLogs("job", 3);
  EXPECT_THAT(Check(runs_dir(), 2), HasSubstr("is in use by stagelogd (pid "));
  AppendLogs("job", 3);
}

TEST_F(IntegrityCheckTest, OfAClosedJournal) {
  AppendLogs("job", 3);
  Stop();
  const Folder before = Everything();
  EXPECT_EQ(Check(runs_dir(), 0), runs_dir() + ": 1 jobs, 3 events: no problems found\n");
  EXPECT_TRUE(Everything() == before);
}

// The log and its index are there as the process has left them.
TEST_F(IntegrityCheckTest, OfAKilledOne) {
  AppendLogs("job", 50);
  HeadSeq();
  daemon_->Kill9();
  ASSERT_TRUE(std::filesystem::exists(runs_dir() + "/stagelog.db-wal"));
  const Folder before = Everything();
  EXPECT_THAT(Check(runs_dir(), 0), HasSubstr("1 jobs, 50 events: no problems found\n"));
  EXPECT_TRUE(Everything() == before);
  Start();
  AppendLogs("job", 1);
}

TEST_F(IntegrityCheckTest, SaysWhatIsWrong) {
  AppendLogs("job", 5);
  Stop();
  const std::string path = EventsFileOf(runs_dir(), "job");
  const std::string text = ReadAll(path);
  std::ofstream(path, std::ios::trunc) << text.substr(0, text.size() - 20) << "\x1b[31m\n";
  const std::string said = Check(runs_dir(), 1);
  EXPECT_THAT(said, HasSubstr("job/events.jsonl: line 5 (byte "));
  EXPECT_THAT(said, HasSubstr("1 jobs, 5 events: "));
  EXPECT_EQ(said.find('\x1b'), std::string::npos);
  std::ofstream(path, std::ios::trunc) << text;
  Check(runs_dir(), 0);
  Check(directory_.Path("nothing"), 2);
}

// SQLite says "unable to open database file", of whichever part.
TEST_F(IntegrityCheckTest, NamesThePartOfTheDatabaseThatCannotBeOpened) {
  namespace fs = std::filesystem;
  AppendLogs("job", 3);
  daemon_->Kill9();
  const std::string log = runs_dir() + "/stagelog.db-wal";
  const auto expect_named = [&](const std::string& part, const std::string& why) {
    auto daemon = DaemonProcess::Spawn(Options());
    ASSERT_TRUE(daemon);
    EXPECT_EQ((*daemon)->WaitForExit(std::chrono::seconds(30)), 1);
    EXPECT_THAT((*daemon)->StderrText(), HasSubstr("stagelogd: " + part + why + "\n"));
  };
  const std::string link = " is not a regular file (a symbolic link?)";
  fs::rename(log, log + ".kept");
  fs::create_directory(log);
  expect_named(log, ": Is a directory");
  std::ofstream(log + "/file") << "a folder of some size";
  EXPECT_THAT(Check(runs_dir(), 1), HasSubstr("cannot read: " + log + ": Is a directory"));
  fs::remove_all(log);
  fs::create_symlink(log + ".kept", log);
  expect_named(log, link);
  EXPECT_THAT(Check(runs_dir(), 1), HasSubstr("cannot read: " + log + link));
  fs::remove(log);
  fs::rename(log + ".kept", log);
  const std::string index = runs_dir() + "/stagelog.db-shm";
  fs::remove(index);
  fs::create_directory(index);
  expect_named(index, ": Is a directory");
  EXPECT_THAT(Check(runs_dir(), 1),
              HasSubstr("the daemon cannot open it: " + index + ": Is a directory"));
  fs::remove(index);
  Check(runs_dir(), 0);
  Start();
  AppendLogs("job", 1);
}

TEST_F(IntegrityCheckTest, NamesThePartOfTheDatabaseThatMayNotBeOpened) {
  namespace fs = std::filesystem;
  if (::geteuid() == 0) GTEST_SKIP() << "root may open everything";
  AppendLogs("job", 3);
  daemon_->Kill9();
  for (const std::string part : {"-wal", "-shm"}) {
    const std::string path = runs_dir() + "/stagelog.db" + part;
    if (!fs::exists(path)) continue;
    fs::permissions(path, fs::perms::none);
    auto daemon = DaemonProcess::Spawn(Options());
    ASSERT_TRUE(daemon);
    EXPECT_EQ((*daemon)->WaitForExit(std::chrono::seconds(30)), 1);
    EXPECT_THAT((*daemon)->StderrText(),
                HasSubstr("stagelogd: cannot open " + path + ": Permission denied"));
    fs::permissions(path, fs::perms(0640));
  }
  Start();
}

}  // namespace
}  // namespace stagelog
