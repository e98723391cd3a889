// conf/stagelogd.service: its command line is one that the daemon knows, and it stays hardened.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/requirement.h"

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

// The values of a key, in order.
std::vector<std::string> ValuesOf(const std::string& key) {
  std::vector<std::string> values;
  for (const std::string& line : SplitLines(ReadAll(STAGELOG_UNIT_FILE))) {
    if (line.starts_with(key + "=")) values.push_back(line.substr(key.size() + 1));
  }
  return values;
}

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

TEST(CommandLineFlags, AMisspelledOneIsNamedWithItsNeighbour) {
  const Ran ran = RunShell(DaemonPath() + " --prot=5");
  EXPECT_THAT(ran.output,
              HasSubstr("stagelogd: unknown argument '--prot'; did you mean '--port'?"));
  EXPECT_EQ(WEXITSTATUS(ran.status), 2);
}

TEST(UnitFile, TheDaemonKnowsItsFlags) {
  const std::string command = ValuesOf("ExecStart").at(0);
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

// The unit's own commands, with this test's folders in the place of the system's.
class UnitCommands : public DaemonTest {
 protected:
  void SetUp() override {
    for (const char* folder : {"etc", "run"}) {
      std::filesystem::create_directory(directory_.Path(folder));
    }
  }

  void WriteEtc(const std::string& name, const std::string& text) {
    std::ofstream(directory_.Path("etc/" + name)) << text;
  }

  // Runs the commands one after the other, as systemd does: to the first that fails.
  Ran RunAll(const std::string& key) {
    Ran ran;
    for (std::string command : ValuesOf(key)) {
      if (command.starts_with('+')) command.erase(0, 1);
      ReplaceAll(command, "/etc/stagelog", directory_.Path("etc"));
      ReplaceAll(command, "/run/stagelog", directory_.Path("run"));
      ReplaceAll(command, "/var/lib/stagelog", runs_dir_);
      ReplaceAll(command, "/usr/local/bin/stagelogd", DaemonPath());
      if (daemon_) ReplaceAll(command, "$MAINPID", std::to_string(daemon_->pid()));
      ran = RunShell(command);
      if (ran.status != 0) break;
    }
    return ran;
  }

  // Returns when the daemon's log has that.
  void AwaitLog(const std::string& text) {
    const Deadline deadline(std::chrono::seconds(30));
    while (daemon_->StderrText().find(text) == std::string::npos) {
      ASSERT_FALSE(deadline.Passed()) << daemon_->StderrText();
      ::usleep(10'000);
    }
  }
};

TEST_F(UnitCommands, AReloadTakesNewTokensAndRefusesABadFile) {
  const std::string config =
      "auth:\n  tokens:\n    - {name: admin, token: default-admin-token-change-me, roles: admin}\n"
      "    - {name: ci, token_file: ci.token, roles: writer}\n";
  WriteEtc("operator.yaml", config);
  WriteEtc("ci.token", "the-first-token\n");
  ASSERT_EQ(RunAll("ExecStartPre").status, 0);
  DaemonOptions options = Options();
  options.config_path = directory_.Path("run/operator.yaml");
  auto daemon = DaemonProcess::Spawn(options);
  ASSERT_TRUE(daemon);
  daemon_ = std::move(*daemon);
  ASSERT_TRUE(daemon_->WaitUntilListening(std::chrono::seconds(30)));
  EXPECT_EQ(As("the-first-token").Get("/api/v1/jobs").status, 200);

  WriteEtc("ci.token", "the-second-token\n");
  const Ran reloaded = RunAll("ExecReload");
  ASSERT_EQ(reloaded.status, 0) << reloaded.output;
  AwaitLog("configuration reloaded");
  EXPECT_THAT(daemon_->StderrText(), HasSubstr("token changed: ci"));
  EXPECT_EQ(As("the-second-token").Get("/api/v1/jobs").status, 200);
  EXPECT_EQ(As("the-first-token").Get("/api/v1/jobs").status, 401);

  WriteEtc("operator.yaml", config + "serverr: {}\n");
  const Ran refused = RunAll("ExecReload");
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.output, HasSubstr("operator.yaml:5: 'serverr': unknown key"));
  EXPECT_EQ(As("the-second-token").Get("/api/v1/jobs").status, 200);
}

TEST(UnitFile, ExposureStaysLow) {
  if (RunShell("systemd-analyze --version").status != 0) SKIP_TEST() << "no systemd-analyze here";
  const Ran ran = RunShell(std::string("systemd-analyze security --offline=true --threshold=15 ") +
                           STAGELOG_UNIT_FILE);
  EXPECT_EQ(ran.status, 0) << ran.output;
}

}  // namespace
}  // namespace stagelog
