// stagelog run of a job that another run has begun, or ended, meanwhile: the state is that of the
// last run to end, and nothing that a run says is flagged where it can be helped.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/cli/run_fixture.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RunOverlapTest : public RunTest {
 protected:
  void SetUp() override { StartDaemon(); }

  std::unique_ptr<CliProcess> StartScript(const std::string& script,
                                          std::vector<std::string> flags = {}) {
    std::vector<std::string> words = {"run", "--job", "j"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.insert(words.end(), {"--", "sh", "-c", script});
    return cli_.Start(words);
  }
  CliResultText Script(const std::string& script, std::vector<std::string> flags = {}) {
    return StartScript(script, std::move(flags))->Wait();
  }

  Json Job() { return GetJson("/api/v1/jobs/j"); }
  std::string Status() { return Job()["status"]; }

  // A runner that is killed in the middle of its script; what it has told is with the daemon.
  void RunAndKill(const std::string& script) {
    ScriptGate gate(cli_.Path("killed"));
    const auto run = StartScript(script + "\necho here\n" + gate.Shell());
    WaitForMessage("j", "here");
    run->Signal(SIGKILL);
    EXPECT_EQ(run->Wait().exit_code, 137);
    gate.Open();
    std::filesystem::remove(cli_.Path("killed"));
  }

  // Types of the events that are flagged.
  std::vector<std::string> Flagged() {
    std::vector<std::string> types;
    for (const Json& event : Events("j")) {
      if (event.contains("violations")) types.push_back(event["type"]);
    }
    return types;
  }

  // The status of each stage's last attempt.
  std::map<std::string, std::string> LastAttempts() {
    std::map<std::string, std::string> last;
    const Json job = Job();
    for (const Json& stage : job["stages"]) last[stage["stage"]] = stage["status"];
    return last;
  }

  std::string SpoolText() { return ReadAll(SpoolOf("j") + "/events.ndjson"); }
  void WriteSpool(const std::string& lines) {
    std::filesystem::create_directories(SpoolOf("j"));
    std::ofstream(SpoolOf("j") + "/events.ndjson", std::ios::binary) << lines;
  }
};

TEST_F(RunOverlapTest, AFailureAfterTheEndOfAnotherRunShows) {
  ScriptGate gate(cli_.Path("gate"));
  const auto second = StartScript("echo second\n" + gate.Shell() + "exit 3");
  WaitForMessage("j", "second");
  EXPECT_EQ(Script("true").exit_code, 0);
  WaitForType("j", "job_completed");
  EXPECT_EQ(Status(), "completed");
  gate.Open();
  const CliResultText result = second->Wait();
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("it is resumed and ends again: failed"));
  EXPECT_EQ(Status(), "failed");
  EXPECT_EQ(Job()["reason"], "exit code 3");
  EXPECT_THAT(Flagged(), ElementsAre("job_failed")) << "the evidence is kept";
  ExpectVerified("j");
}

TEST_F(RunOverlapTest, TheLastRunToEndCountsWhicheverBeganFirst) {
  ScriptGate gate(cli_.Path("gate"));
  const auto first = StartScript("echo first\n" + gate.Shell());
  WaitForMessage("j", "first");
  EXPECT_EQ(Script("exit 7").exit_code, 7);
  WaitForType("j", "job_failed");
  EXPECT_EQ(Status(), "failed");
  gate.Open();
  EXPECT_EQ(first->Wait().exit_code, 0);
  EXPECT_EQ(Status(), "completed");
}

TEST_F(RunOverlapTest, StagesAfterTheEndOfAnotherRunCount) {
  ScriptGate gate(cli_.Path("gate"));
  const auto first =
      StartScript("echo ::stage a\necho first\n" + gate.Shell() + "echo ::stage b\necho last");
  WaitForMessage("j", "first");
  EXPECT_EQ(Script("echo ::stage c").exit_code, 0);
  WaitForType("j", "job_completed");
  gate.Open();
  const CliResultText result = first->Wait();
  EXPECT_THAT(result.err, AllOf(HasSubstr("it is resumed"), Not(HasSubstr("is flagged"))));
  EXPECT_EQ(Status(), "completed");
  EXPECT_EQ(LastAttempts(), (std::map<std::string, std::string>{
                                {"a", "completed"}, {"b", "completed"}, {"c", "completed"}}));
  ExpectVerified("j");
}

TEST_F(RunOverlapTest, ARunInsideTheOneThatGoesOnCountsToo) {
  cli_.SetEnvironment("STAGELOG", CliPath());
  ScriptGate gate(cli_.Path("gate"));
  const auto first = StartScript("$STAGELOG run --stage a -- sh -c 'echo first; read line < " +
                                 cli_.Path("gate") + "'\n$STAGELOG run --stage b -- false\nexit 4");
  WaitForMessage("j", "first");
  EXPECT_EQ(Script("true").exit_code, 0);
  WaitForType("j", "job_completed");
  gate.Open();
  EXPECT_EQ(first->Wait().exit_code, 4);
  EXPECT_EQ(Status(), "failed");
  EXPECT_EQ(LastAttempts(),
            (std::map<std::string, std::string>{{"a", "completed"}, {"b", "failed"}}));
  ExpectVerified("j");
}

TEST_F(RunOverlapTest, StagesOfAStrictJobAfterTheEndOfAnotherRunCount) {
  EXPECT_EQ(admin().Post("/api/v1/jobs", R"({"job_id":"j","strict":true})").status, 201);
  ScriptGate gate(cli_.Path("gate"));
  const auto first =
      StartScript("echo ::stage a\necho first\n" + gate.Shell() + "echo ::stage b\necho last");
  WaitForMessage("j", "first");
  EXPECT_EQ(Script("true").exit_code, 0);
  WaitForType("j", "job_completed");
  gate.Open();
  EXPECT_THAT(first->Wait().err, Not(HasSubstr("refused")));
  EXPECT_EQ(Status(), "completed");
  EXPECT_EQ(LastAttempts(),
            (std::map<std::string, std::string>{{"a", "completed"}, {"b", "completed"}}));
  EXPECT_THAT(Flagged(), IsEmpty());
}

TEST_F(RunOverlapTest, AnOverlapIsTheSameFromTheSpool) {
  KillDaemon();
  ScriptGate gate(cli_.Path("gate"));
  const auto second = StartScript("echo second\n" + gate.Shell() + "exit 3");
  WaitForOutput(*second, "second");
  EXPECT_EQ(Script("true").exit_code, 0);
  gate.Open();
  EXPECT_EQ(second->Wait().exit_code, 3);
  const std::string spool = SpoolText();
  StartDaemon();
  EXPECT_EQ(cli_.Run({"spool", "flush"}).exit_code, 0);
  EXPECT_EQ(Status(), "failed");
  const Json before = Job();
  // Sent again, as after a crash that has lost the mark: nothing is new.
  WriteSpool(spool);
  EXPECT_EQ(cli_.Run({"spool", "flush"}).exit_code, 0);
  EXPECT_EQ(Job()["events"], before["events"]);
  EXPECT_EQ(Status(), "failed");
  EXPECT_FALSE(std::filesystem::exists(SpoolOf("j") + "/refused.ndjson"));
}

TEST_F(RunOverlapTest, WhatIsSentAgainIsToldOnceWhateverTheJobIsThen) {
  KillDaemon();
  Script("echo ::stage s; exit 4");
  const std::string spool = SpoolText();
  StartDaemon();
  EXPECT_EQ(cli_.Run({"spool", "flush"}).exit_code, 0);
  EXPECT_EQ(Status(), "failed");
  WriteSpool(spool);
  EXPECT_EQ(cli_.Run({"spool", "flush"}).exit_code, 0);
  EXPECT_EQ(Status(), "failed") << "its own end is no end of another run";
  EXPECT_THAT(Told("j"), ElementsAre("job_created", "job_started", "stage_started s",
                                     "stage_failed s 'exit code 4'", "job_failed 'exit code 4'"));
  Script("true");
  EXPECT_EQ(Status(), "completed");
  WriteSpool(spool);
  EXPECT_EQ(cli_.Run({"spool", "flush"}).exit_code, 0);
  EXPECT_EQ(Status(), "completed");
  EXPECT_FALSE(std::filesystem::exists(SpoolOf("j") + "/refused.ndjson"));
  ExpectVerified("j");
}

TEST_F(RunOverlapTest, ACancelIsNotUndoneByARunThatEndsAfterIt) {
  ScriptGate gate(cli_.Path("gate"));
  const auto run = StartScript("echo started; trap 'exit 5' TERM\n" + gate.Shell() + "exit 3");
  WaitForMessage("j", "started");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  gate.Open();
  run->Wait();
  EXPECT_EQ(Status(), "canceled");
}

TEST_F(RunOverlapTest, AScriptThatEndsItsJobItselfIsOnlyContradictedByAFailure) {
  cli_.SetEnvironment("STAGELOG", CliPath());
  Script("$STAGELOG emit j job_failed --message 'disk full'; exit 0");
  EXPECT_EQ(Job()["reason"], "disk full");
  Script("$STAGELOG emit j job_failed --message 'disk full'; exit 1");
  EXPECT_EQ(Job()["reason"], "disk full");
  Script("$STAGELOG emit j job_completed; exit 6");
  EXPECT_EQ(Status(), "failed");
  EXPECT_EQ(Job()["reason"], "exit code 6");
}

TEST_F(RunOverlapTest, TheEndOfAStrictJobShowsToo) {
  EXPECT_EQ(admin().Post("/api/v1/jobs", R"({"job_id":"j","strict":true})").status, 201);
  ScriptGate gate(cli_.Path("gate"));
  const auto second = StartScript("echo second\n" + gate.Shell() + "exit 3");
  WaitForMessage("j", "second");
  EXPECT_EQ(Script("true").err, "");
  WaitForType("j", "job_completed");
  gate.Open();
  const CliResultText result = second->Wait();
  EXPECT_THAT(result.err, Not(HasSubstr("refused")));
  EXPECT_EQ(Status(), "failed");
  EXPECT_THAT(Flagged(), IsEmpty());
}

TEST_F(RunOverlapTest, ARunAfterAKilledRunnerIsANewEpochWithoutViolations) {
  RunAndKill("echo ::stage build");
  EXPECT_EQ(Status(), "running");
  EXPECT_EQ(Script("echo ::stage build; true").err, "");
  EXPECT_EQ(Told("j")[4], "job_resumed") << "fails where an event is flagged";
  const Json job = Job();
  EXPECT_EQ(job["status"], "completed");
  EXPECT_EQ(job["epoch"], 2);
  EXPECT_EQ(job["stages"][0]["status"], "abandoned");
  EXPECT_EQ(job["stages"][1]["status"], "completed");
  EXPECT_EQ(Events("j")[4]["payload"]["command"][0], "sh");
  EXPECT_THAT(Run({"state", runs_dir() + "/j"}).out, HasSubstr(R"("epoch": 2,)"));
  ExpectVerified("j");
}

TEST_F(RunOverlapTest, ARunAfterAKilledRunnerThroughTheSpool) {
  RunAndKill("echo ::stage build");
  KillDaemon();
  const CliResultText away = Script("echo ::stage build; exit 2");
  EXPECT_THAT(away.err, HasSubstr("cannot check whether job j is canceled"));
  StartDaemon();
  EXPECT_EQ(cli_.Run({"spool", "flush"}).err, "");
  EXPECT_EQ(Job()["epoch"], 2);
  EXPECT_EQ(Status(), "failed");
  EXPECT_THAT(Flagged(), IsEmpty());
  ExpectVerified("j");
}

TEST_F(RunOverlapTest, AGateThatIsPendingOutlivesTheRunner) {
  RunAndKill("true");
  Append("j", R"({"type":"gate_pause","gate":"publish"})");
  ScriptGate gate(cli_.Path("gate"));
  const auto run = StartScript("echo again\n" + gate.Shell());
  WaitForMessage("j", "again");
  EXPECT_EQ(Status(), "paused");
  EXPECT_EQ(Job()["gates"][0]["status"], "pending");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/gates/publish/approve", "{}").status, 201);
  EXPECT_EQ(Status(), "running");
  gate.Open();
  EXPECT_THAT(run->Wait().err, HasSubstr("job j is paused (gate publish is pending)"));
  EXPECT_EQ(Job()["epoch"], 2);
  EXPECT_THAT(Flagged(), IsEmpty());
}

TEST_F(RunOverlapTest, AResumeOfWhatIsNotThereCreatesIt) {
  EXPECT_EQ(Script("true", {"--resume", "--pipeline", "p"}).err, "");
  EXPECT_THAT(Told("j"), ElementsAre("job_created", "job_started", "job_completed"));
  EXPECT_EQ(Job()["pipeline"], "p");
  EXPECT_FALSE(Events("j")[0]["payload"].contains("new_epoch"));
  Append("k", R"({"type":"job_started"})");
  EXPECT_EQ(cli_.Run({"run", "--job", "k", "--stage", "s", "--resume", "--", "true"}).err, "");
  EXPECT_THAT(Told("k"), ElementsAre("job_started", "stage_started s", "stage_completed s"));
}

TEST_F(RunOverlapTest, ACancelThatCannotBeKnownIsSaidBeforeAndAfter) {
  Append("j", R"({"type":"job_canceled"})");
  KillDaemon();
  const CliResultText result = Script("echo ran");
  EXPECT_EQ(result.out, "ran\n");
  EXPECT_THAT(result.err, HasSubstr("cannot check whether job j is canceled"));
  StartDaemon();
  EXPECT_THAT(cli_.Run({"spool", "flush"}).err,
              HasSubstr("job j was canceled before the daemon learned of this run"));
  EXPECT_EQ(Status(), "canceled");
}

}  // namespace
}  // namespace stagelog
