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

class GateRulesCommandTest : public CommandTest {
 protected:
  void SetUp() override {
    StartDaemon(0, R"(
auth:
  tokens:
    - {name: admin, token: default-admin-token-change-me, roles: [admin]}
    - {name: ann, token: token-of-ann, roles: [approver]}
    - {name: ben, token: token-of-ben, roles: [approver]}
)");
    Run({"gate", "open", "release", "deploy", "--required", "2", "--no-self", "--field",
         "percent:number,required,min=0,max=100,label=How many, roughly?", "--field",
         "region:choice,options=eu|us", "--field", "note:text,max=5", "--field",
         "dry-run:boolean"});
  }

  void Approve(const std::string& token, const std::vector<std::string>& answers,
               const std::string& out, int exit_code = 0) {
    std::vector<std::string> words = {"gate", "approve", "release", "deploy", "--token", token};
    for (const std::string& answer : answers) words.insert(words.end(), {"--field", answer});
    const CliResultText result = Run(words, "", exit_code);
    EXPECT_THAT(exit_code == 0 ? result.out : result.err, HasSubstr(out));
  }
};

TEST_F(GateRulesCommandTest, AreOpenedAndShown) {
  EXPECT_EQ(GetJson("/api/v1/jobs/release/gates/deploy")["fields"], Json::parse(R"([
      {"name":"percent","type":"number","label":"How many, roughly?","required":true,
       "min":0,"max":100},
      {"name":"region","type":"choice","options":["eu","us"]},
      {"name":"note","type":"text","max":5},
      {"name":"dry-run","type":"boolean"}])"));
  const std::string shown = Run({"gate", "show", "release", "deploy"}).out;
  EXPECT_THAT(shown, HasSubstr("approved  0 of 2 approvals\n"));
  EXPECT_THAT(shown, HasSubstr("not by    admin, who opened it\n"));
  EXPECT_THAT(shown,
              HasSubstr("field     percent, number from 0 to 100, required: How many, roughly?\n"));
  EXPECT_THAT(shown, HasSubstr("field     region, one of eu, us\n"));
  EXPECT_THAT(Run({"gate", "list"}).out, HasSubstr("0 of 2 approvals"));
}

TEST_F(GateRulesCommandTest, AreAnsweredAndWaitPrintsTheAnswers) {
  Approve("default-admin-token-change-me", {"percent=1"}, "403 forbidden", 6);
  Approve("token-of-ann", {}, "use --field NAME=VALUE", 6);
  Approve("token-of-ann", {"percent=101"}, "'answers.percent' must be a number, 0 to 100", 6);
  Approve("token-of-ann", {"percent=nan"}, "must be a number", 2);
  Approve("token-of-ann", {"percent"}, "an answer is NAME=VALUE", 2);
  Approve("token-of-ann", {"dry-run=maybe"}, "must be true or false", 2);
  Approve("token-of-ann", {"percent=1", "percent=2"}, "'percent' is given twice", 2);
  Approve("token-of-ann", {"persent=1"}, "the gate's fields are percent, region, note, dry-run", 2);
  Approve("token-of-ann", {"percent=25", "dry-run=no", "note=a=b"},
          "deploy of release approved (1 of 2), the job is paused\n");
  Approve("token-of-ann", {}, "409 already_approved", 6);
  Approve("token-of-ben", {"percent=26"}, "409 answers_differ", 6);
  EXPECT_THAT(Run({"gate", "show", "release", "deploy"}).out, HasSubstr("1 of 2 approvals: ann\n"));
  Approve("token-of-ben", {"percent=25"}, "deploy of release approved, the job is created\n");
  const CliResultText waited = Run({"gate", "wait", "release", "deploy"});
  EXPECT_EQ(waited.out, "approved by ben, percent=25, note=a=b, dry-run=false\n");
  EXPECT_EQ(Json::parse(Run({"gate", "wait", "release", "deploy", "--json"}).out)["answers"],
            Json::parse(R"({"percent":25,"note":"a=b","dry-run":false})"));
  EXPECT_THAT(Run({"tail", "release", "--since", "all", "--limit", "3"}).out,
              HasSubstr("by ann (1 of 2)"));
}

TEST_F(GateRulesCommandTest, WrongDefinitionsAreUsageErrors) {
  const auto refuse = [&](const std::string& field, const std::string& problem) {
    ExpectFailure({"gate", "open", "release", "other", "--field", field}, 2, problem);
  };
  refuse("percent", "a field is NAME:TYPE");
  refuse("percent:number,minimum=1", "unknown part 'minimum'; expected one of: required, min");
  refuse("percent:number,min=low", "'min' must be a number");
  refuse("percent:number,min=", "'min' needs a value");
  refuse("percent:number,required=false", "'required' takes no value");
  ExpectFailure({"gate", "open", "release", "other", "--required", "65"}, 2,
                "'65' is not a whole number from 1 to 64");
  ExpectFailure({"gate", "open", "release", "other", "--field", "percent:numbr"}, 6,
                "'payload.fields[0].type' must be");
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
