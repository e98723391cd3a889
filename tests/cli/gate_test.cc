// stagelog gate: a shell script can stand at a gate.
#include "tests/cli/command_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GateCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    StartDaemon();
    Append("release", R"({"type":"gate_pause","gate":"deploy",
        "payload":{"prompt":"Ship \u001b[31mit?","options":["eu","us"]}})");
  }

  // Until the command has seen the gate pending.
  void AwaitPrompt(const CliProcess& command) {
    const auto give_up_at = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (command.err().find("is pending") == std::string::npos) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up_at) << command.err();
      ::usleep(10'000);
    }
  }
};

TEST_F(GateCommandTest, TheInbox) {
  const std::string list = Run({"gate", "list"}).out;
  EXPECT_THAT(list, HasSubstr("release  deploy  pending"));
  EXPECT_THAT(list, Not(HasSubstr("\033"))) << "a prompt does not steer the terminal";
  EXPECT_EQ(Json::parse(Run({"gate", "list", "--json"}).out)["gate"], "deploy");
  EXPECT_EQ(Run({"gate", "list", "--status", "rejected"}).out, "no gate is rejected\n");
  EXPECT_THAT(Run({"gate", "show", "release", "deploy"}).out, HasSubstr("options   eu, us"));
  ExpectFailure({"gate", "list", "--status", "maybe"}, 6, "maybe");
  ExpectFailure({"gate", "show", "release", "other"}, 6, "unknown_gate");
}

TEST_F(GateCommandTest, AnApproval) {
  auto wait = cli_.Start({"gate", "wait", "release", "deploy"});
  AwaitPrompt(*wait);
  ExpectFailure({"gate", "approve", "release", "deploy", "--choice", "mars"}, 6, "no such option");
  ExpectFailure({"gate", "approve", "release", "deploy"}, 6,
                R"('choice' must be one of ["eu","us"])");
  ExpectFailure({"gate", "approve", "release", "deploy"}, 6, "use --choice");
  EXPECT_EQ(
      Run({"gate", "approve", "release", "deploy", "--choice", "eu", "--comment", "fine"}).out,
      "deploy of release approved, the job is created\n");
  const CliResultText result = wait->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "approved by admin, choice eu: fine\n");
  ExpectFailure({"gate", "reject", "release", "deploy", "--comment", "no"}, 6,
                "was already approved at");
  EXPECT_EQ(Run({"gate", "wait", "release", "deploy"}).out, result.out) << "it is decided already";
}

TEST_F(GateCommandTest, ARejection) {
  ExpectFailure({"gate", "reject", "release", "deploy"}, 2, "--comment");
  Run({"gate", "reject", "release", "deploy", "--comment", "tests fail"});
  EXPECT_EQ(Run({"gate", "wait", "release", "deploy"}, "", 3).out,
            "rejected by admin: tests fail\n");
}

TEST_F(GateCommandTest, AnEndWithoutADecision) {
  ExpectFailure({"gate", "wait", "release", "deploy", "--timeout", "1"}, 4,
                "was not decided in 1 s");
  auto wait = cli_.Start({"gate", "wait", "release", "deploy", "--json"});
  Append("release", R"({"type":"job_canceled"})");
  const CliResultText result = wait->Wait();
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_EQ(Json::parse(result.out)["status"], "canceled");
}

TEST_F(GateCommandTest, AWaitOutlivesTheDaemon) {
  auto wait = cli_.Start({"gate", "wait", "release", "deploy"});
  AwaitPrompt(*wait);
  const uint16_t port = daemon_->port();
  daemon_->Kill9();
  StartDaemon(port);
  Run({"gate", "approve", "release", "deploy", "--choice", "us"});
  EXPECT_EQ(wait->Wait().exit_code, 0);
  ExpectFailure({"gate", "wait", "release", "deploy", "--url", "http://127.0.0.1:1"}, 5,
                "no daemon");
}

}  // namespace
}  // namespace stagelog
