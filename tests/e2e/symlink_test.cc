// A runs folder with symbolic links in it: nothing is ever written through one, and what it stood
// in the way of is set aside or made anew.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class SymlinkTest : public DaemonTest {
 protected:
  void SetUp() override {
    fs::create_directories(outside_);
    std::ofstream(outside_ + "/precious") << "precious\n";
  }

  void TearDown() override {
    DaemonTest::TearDown();
    EXPECT_EQ(ReadAll(outside_ + "/precious"), "precious\n");
    EXPECT_EQ(std::distance(fs::directory_iterator(outside_), fs::directory_iterator()), 1);
  }

  void Link(const std::string& name, const std::string& target) {
    fs::remove(runs_dir() + "/" + name);
    fs::create_symlink(outside_ + target, runs_dir() + "/" + name);
  }

  bool IsLink(const std::string& name) { return fs::is_symlink(runs_dir() + "/" + name); }

  std::string SetAside() { return GetJson("/readyz").at("set_aside").dump(); }

  const std::string outside_ = directory_.Path("outside");
};

TEST_F(SymlinkTest, InThePlaceOfAJobsFolder) {
  fs::create_directories(runs_dir());
  Link("job", "");
  Start();
  AppendLogs("job", 3);
  EXPECT_FALSE(IsLink("job"));
  EXPECT_THAT(SetAside(), HasSubstr("/job.diverged-"));
  EXPECT_EQ(Lines("job").size(), 3U);
}

TEST_F(SymlinkTest, InThePlaceOfEventsAtRest) {
  Start();
  AppendLogs("job", 2);
  Stop();
  for (const char* target : {"/precious", "/not-there", ""}) {
    SCOPED_TRACE(target);
    Link("job/events.jsonl", target);
    Link("job/events.jsonl.tmp", target);
    Start();
    EXPECT_THAT(SetAside(), HasSubstr("events.jsonl.diverged-"));
    AppendLogs("job", 1);
    Stop();
    EXPECT_FALSE(IsLink("job/events.jsonl"));
    EXPECT_FALSE(IsLink("job/events.jsonl.tmp"));
  }
  EXPECT_EQ(Lines("job").size(), 5U);
}

TEST_F(SymlinkTest, InThePlaceOfEventsWhileTheDaemonRuns) {
  Start();
  AppendLogs("job", 2);
  Link("job/events.jsonl", "/precious");
  AppendLogs("job", 1);
  Stop();
  Start();
  EXPECT_FALSE(IsLink("job/events.jsonl"));
  EXPECT_EQ(Lines("job").size(), 3U);
}

TEST_F(SymlinkTest, InThePlaceOfStateAndGates) {
  Start();
  AppendLogs("job", 1);
  Link("job/state.json", "/precious");
  Link("job/state.json.tmp", "/precious");
  Link("job/gates", "");
  Append("job", R"({"type":"gate_pause","gate":"precious"})");
  AppendLogs("other", 1);
  Stop();
  EXPECT_FALSE(IsLink("job/state.json"));
  EXPECT_THAT(ReadAll(runs_dir() + "/job/state.json"), HasSubstr("\"reason\":\"gate precious"));
  EXPECT_TRUE(IsLink("job/gates"));
}

TEST_F(SymlinkTest, InThePlaceOfTheJournalsOwnFiles) {
  Start();
  AppendLogs("job", 1);
  Stop();
  for (const char* name : {"journal.json", "journal.json.tmp", "stagelog.follow.json",
                           "stagelog.follow.json.tmp", "stagelog.db.rebuild"}) {
    SCOPED_TRACE(name);
    Link(name, "/precious");
    Start();
    AppendLogs("job", 1);
    Stop();
  }
  EXPECT_EQ(Lines("job").size(), 6U);
}

// SQLite would follow it, and an operator may have meant it so: nobody guesses.
TEST_F(SymlinkTest, InThePlaceOfTheDatabaseIsRefused) {
  Start();
  AppendLogs("job", 1);
  Stop();
  for (const char* name : {"stagelog.db", "stagelog.db-wal", "stagelog.db-shm", "stagelog.lock"}) {
    SCOPED_TRACE(name);
    const std::string path = runs_dir() + "/" + name;
    const std::string kept = path + ".kept";
    if (fs::exists(path)) fs::rename(path, kept);
    Link(name, "/precious");
    WriteConfig(kTestConfig);
    auto refused = DaemonProcess::Spawn(Options());
    ASSERT_TRUE(refused);
    EXPECT_EQ((*refused)->WaitForExit(std::chrono::seconds(30)), 1);
    EXPECT_THAT((*refused)->StderrText(), HasSubstr(runs_dir() + "/stagelog."));
    fs::remove(path);
    if (fs::exists(kept)) fs::rename(kept, path);
  }
  Start();
  EXPECT_EQ(Lines("job").size(), 1U);
}

}  // namespace
}  // namespace stagelog
