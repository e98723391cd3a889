// Events may hold what is not everybody's business.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::EndsWith;

// "PATH MODE" of the folder and all that is in it; the path of a folder ends with a slash.
std::vector<std::string> ModesBelow(const std::string& folder) {
  std::vector<std::string> modes;
  const auto add = [&](const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return;  // gone meanwhile
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), " %o", static_cast<unsigned>(info.st_mode & 07777));
    modes.push_back(path + (S_ISDIR(info.st_mode) ? "/" : "") + mode.data());
  };
  add(folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    add(entry.path());
  }
  return modes;
}

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

// Exactly: the group may read, but for the key of tickets, whatever mask the shell has that starts
// the daemon.
TEST_F(FileModeTest, FilesAre0640AndFolders0750) {
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{027}}) {
    SCOPED_TRACE(mask);
    runs_dir_ = directory_.Path("runs-" + std::to_string(mask));
    const std::string backups = directory_.Path("backups-" + std::to_string(mask));
    const mode_t before = ::umask(mask);
    Start(std::string(kTestConfig) + "storage: {backup_dir: " + backups + "}\n");
    ::umask(before);
    Append("j", R"({"type":"job_started"})");
    Append("j", R"({"type":"gate_pause","gate":"g"})");
    Append("gone", R"({"type":"job_completed"})");
    EXPECT_EQ(admin().Request("DELETE", "/api/v1/jobs/gone", {}).status, 200);
    EXPECT_EQ(admin().Post("/api/v1/admin/backup", "").status, 201);
    EXPECT_THAT(ModesBelow(runs_dir_), Contains(runs_dir_ + "/stagelog.db-wal 640"));
    const auto as_told =
        AnyOf(EndsWith(" 640"), EndsWith("/ 750"), EndsWith("/stagelog.access.json 600"));
    EXPECT_THAT(ModesBelow(runs_dir_), Each(as_told));
    Stop();  // everything is written by then
    const std::vector<std::string> modes = ModesBelow(runs_dir_);
    EXPECT_THAT(modes, Each(as_told));
    for (const char* file :
         {"/ 750", "/stagelog.db 640", "/stagelog.lock 640", "/journal.json 640",
          "/stagelog.deleted.jsonl 640", "/stagelog.access.json 600", "/j/ 750",
          "/j/events.jsonl 640", "/j/state.json 640", "/j/gates/ 750", "/j/gates/g.json 640"}) {
      EXPECT_THAT(modes, Contains(runs_dir_ + file));
    }
    const std::vector<std::string> copies = ModesBelow(backups);
    EXPECT_THAT(copies, Each(AnyOf(EndsWith(" 640"), EndsWith("/ 750"))));
    EXPECT_THAT(copies, Contains(EndsWith("/stagelog.db 640")));
  }
}

TEST_F(FileModeTest, OrLessWhereTheMaskSaysSo) {
  const mode_t before = ::umask(077);
  Start();
  ::umask(before);
  Append("j", R"({"type":"gate_pause","gate":"g"})");
  Stop();
  EXPECT_THAT(ModesBelow(runs_dir_), Each(AnyOf(EndsWith(" 600"), EndsWith("/ 700"))));
}

}  // namespace
}  // namespace stagelog
