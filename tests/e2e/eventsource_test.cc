// The package `eventsource` for Node reconnects by itself: across a restart and a kill of the
// daemon it misses nothing and sees nothing twice.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/child_process.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::ElementsAreArray;

// Where client.mjs and its package.json are.
std::filesystem::path SourceFolder() { return STAGELOG_EVENTSOURCE_FOLDER; }

// Where node_modules may be put: in the build folder that the daemon is from.
std::filesystem::path BuildFolder() {
  const auto daemon = std::filesystem::absolute(DaemonPath());
  return daemon.parent_path().parent_path() / "eventsource-test";
}

bool Succeeds(const std::string& command) { return std::system(command.c_str()) == 0; }

bool HasDebianPackage() { return std::filesystem::exists("/usr/share/nodejs/eventsource"); }

// Copies the program into `folder` and, where there is npm, the package beside it. False when
// neither npm nor Debian has the package.
bool InstallClient(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const char* name : {"package.json", ".npmrc", "client.mjs"}) {
    std::filesystem::copy_file(SourceFolder() / name, folder / name,
                               std::filesystem::copy_options::overwrite_existing);
  }
  if (!Succeeds("command -v npm > /dev/null")) return HasDebianPackage();
  return Succeeds("cd '" + folder.string() +
                  "' && npm install --no-audit --no-fund --prefer-offline > npm.log 2>&1") ||
         HasDebianPackage();
}

class EventSourceTest : public DaemonTest {
 protected:
  // Adds the seqs that the client prints to `seen` until there are `count`.
  static void ReadEvents(ChildProcess& client, size_t count, std::vector<int64_t>& seen) {
    while (seen.size() < count) {
      const auto line = client.ReadLine(std::chrono::seconds(30));
      ASSERT_TRUE(line) << line.error().message << "; seen " << seen.size() << " of " << count
                        << "; stderr: " << client.StderrText();
      if (line->starts_with("connected ")) continue;
      ASSERT_TRUE(line->starts_with("event ")) << *line;
      seen.push_back(std::stoll(line->substr(6)));
    }
  }

  std::vector<int64_t> JournaledSeqs() {
    std::vector<int64_t> seqs;
    const Json answer = GetJson("/api/v1/events?after=0&limit=10000");
    for (const Json& event : answer.at("events")) seqs.push_back(SeqOf(event));
    return seqs;
  }
};

TEST_F(EventSourceTest, MissesNothingAcrossRestarts) {
  if (!Succeeds("command -v node > /dev/null")) SKIP_TEST() << "no node here";
  const std::filesystem::path folder = BuildFolder();
  if (!InstallClient(folder)) SKIP_TEST() << "no package: see npm.log in " << folder;
  Start();
  const uint16_t port = daemon_->port();
  const std::string url =
      "http://127.0.0.1:" + std::to_string(port) + "/api/v1/events/stream?after=0";
  auto client = ChildProcess::Spawn(
      {"node", (folder / "client.mjs").string(), url, std::string(kReaderToken)},
      directory_.Path("stderr-of-the-client"));
  ASSERT_TRUE(client) << client.error().message;
  std::vector<int64_t> seen;
  AppendLogs("job", 100);
  ReadEvents(**client, 100, seen);
  AppendLogs("job", 100);  // of these it may have seen any number when the daemon ends
  Stop();
  Start(kTestConfig, port);
  AppendLogs("job", 100);
  ReadEvents(**client, 300, seen);
  AppendLogs("job", 100);
  daemon_->Kill9();
  Start(kTestConfig, port);
  AppendLogs("other", 100);
  ReadEvents(**client, 500, seen);
  EXPECT_THAT(seen, ElementsAreArray(JournaledSeqs()));
}

}  // namespace
}  // namespace stagelog
