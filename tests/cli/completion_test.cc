// The completion scripts, asked as a shell asks them; the programs zsh and fish where they are.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/cli/command_fixture.h"
#include "tests/support/requirement.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class CompletionTest : public CommandTest {
 protected:
  void SetUp() override {
    StartDaemon();
    Append("release", R"({"type":"gate_pause","gate":"deploy"})");
    Append("release", R"({"type":"gate_pause","gate":"sign"})");
    Append("render", R"({"type":"gate_pause","gate":"cut"})");
    Run({"gate", "approve", "release", "sign"});
    std::filesystem::create_directory(cli_.Path("bin"));
    std::filesystem::create_symlink(CliPath(), cli_.Path("bin/stagelog"));
    script_ = cli_.Path("bash");
    std::ofstream(script_) << Run({"completion", "bash"}).out;
  }

  // What bash offers for the last of the words; `more` is shell code before it.
  std::vector<std::string> Bash(const std::string& words, const std::string& more = "") {
    const std::string url = "http://127.0.0.1:" + std::to_string(daemon_->port());
    const std::string code = "export PATH=" + cli_.Path("bin") + ":$PATH STAGELOG_URL=" + url +
                             " STAGELOG_TOKEN=" + std::string(kAdminToken) + "\n" + more +
                             "\ncompopt() { :; }\nsource " + script_ + "\nCOMP_WORDS=(stagelog " +
                             words + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n_stagelog\n" +
                             "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
    std::ofstream(cli_.Path("ask.sh")) << code;
    const std::string out = cli_.Path("offers");
    EXPECT_EQ(
        std::system(("env -u STAGELOG_JOB bash " + cli_.Path("ask.sh") + " > " + out).c_str()), 0);
    std::vector<std::string> offers;
    std::ifstream lines(out);
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty()) offers.push_back(line);
    }
    return offers;
  }

  std::string script_;
};

TEST_F(CompletionTest, CommandsAndFlags) {
  EXPECT_THAT(Bash("ga"), ElementsAre("gate"));
  EXPECT_THAT(Bash("gate o"), ElementsAre("open"));
  EXPECT_THAT(Bash("--url http://x ga"), ElementsAre("gate"));
  EXPECT_THAT(Bash("show --wa"), ElementsAre("--watch"));
  EXPECT_THAT(Bash("help ga"), ElementsAre("gate"));
  EXPECT_THAT(Bash("help gate ''"),
              UnorderedElementsAre("list", "show", "open", "approve", "reject", "wait"));
  EXPECT_THAT(Bash("help gate ap"), ElementsAre("approve"));
  EXPECT_THAT(Bash("help gate ap", "export STAGELOG_JOB=release"), ElementsAre("approve"));
  EXPECT_THAT(Bash("help show ''"), Not(Contains("approve")));
  EXPECT_THAT(Bash("cancel --me"), ElementsAre("--message"));
}

TEST_F(CompletionTest, JobsThenTheirGates) {
  EXPECT_THAT(Bash("show ''"), UnorderedElementsAre("release", "render"));
  EXPECT_THAT(Bash("cancel re"), UnorderedElementsAre("release", "render"));
  EXPECT_THAT(Bash("gate show ''"), UnorderedElementsAre("release", "render"));
  EXPECT_THAT(Bash("gate show release ''"), UnorderedElementsAre("deploy", "sign"));
  EXPECT_THAT(Bash("gate wait release d"), ElementsAre("deploy"));
  EXPECT_THAT(Bash("gate approve release ''"), ElementsAre("deploy")) << "the other is decided";
  EXPECT_THAT(Bash("gate wait --timeout 5 release d"), ElementsAre("deploy"));
  EXPECT_THAT(Bash("--color never gate reject render ''"), ElementsAre("cut"));
  EXPECT_THAT(Bash("gate show release deploy ''"), Not(Contains("deploy")));
  EXPECT_THAT(Bash("gate show nobody ''"), Not(Contains("deploy")));
  EXPECT_THAT(Bash("gate wait ''", "export STAGELOG_JOB=release"),
              UnorderedElementsAre("release", "render", "deploy", "sign"));
}

TEST_F(CompletionTest, Values) {
  EXPECT_THAT(Bash("jobs --status r"), ElementsAre("running"));
  EXPECT_THAT(Bash("jobs --status running,pa"), ElementsAre("running,paused"));
  EXPECT_THAT(Bash("jobs --status = com"), ElementsAre("completed"));
  EXPECT_THAT(Bash("gate list --status pe"), ElementsAre("pending"));
  EXPECT_THAT(Bash("tail --level err"), ElementsAre("error"));
  EXPECT_THAT(Bash("tail --level error,cr"), ElementsAre("error,critical"));
  EXPECT_THAT(Bash("emit job log --level w"), ElementsAre("warning"));
  EXPECT_THAT(Bash("tail --type stage_s"), ElementsAre("stage_started"));
  EXPECT_THAT(Bash("emit job stage_p"), ElementsAre("stage_progress"));
  EXPECT_THAT(Bash("show --color ''"), UnorderedElementsAre("auto", "always", "never"));
  EXPECT_THAT(Bash("--color a"), UnorderedElementsAre("auto", "always"));
  EXPECT_THAT(Bash("completion ''"), UnorderedElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(Bash("export release --format c"), UnorderedElementsAre("chrome-trace", "csv"));
  EXPECT_THAT(Bash("gate open j g --on-timeout ''"),
              UnorderedElementsAre("approve", "reject", "expire"));
  EXPECT_THAT(Bash("import --preset jou"), ElementsAre("journald"));
  EXPECT_THAT(Bash("import --level-scale sys"), ElementsAre("syslog"));
  EXPECT_THAT(Bash("show --at ''"), IsEmpty()) << "a time, not a job";
}

TEST_F(CompletionTest, TheOtherShellsTakeTheirScripts) {
  for (const char* shell : {"zsh", "fish"}) {
    if (std::system(("command -v " + std::string(shell) + " > /dev/null").c_str()) != 0) {
      SKIP_TEST() << shell << " is not installed";
    }
    const std::string path = cli_.Path(shell);
    std::ofstream(path) << Run({"completion", shell}).out;
    EXPECT_EQ(std::system((std::string(shell) + " -n " + path).c_str()), 0) << shell;
  }
}

TEST_F(CompletionTest, AllShellsCompleteGates) {
  const std::string fish = Run({"completion", "fish"}).out;
  EXPECT_NE(fish.find("gate list (__stagelog_job)"), std::string::npos);
  EXPECT_NE(fish.find("__stagelog_argument 0 help gate' -a \"list show open"), std::string::npos);
  const std::string zsh = Run({"completion", "zsh"}).out;
  EXPECT_NE(zsh.find("(gate) offers+=(list show open"), std::string::npos);
  EXPECT_NE(zsh.find("gate list $job"), std::string::npos);
}

}  // namespace
}  // namespace stagelog
