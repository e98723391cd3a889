// stagelog run of a job that is there already: the state is that of the last run.
#include <gmock/gmock.h>

#include <filesystem>

#include "tests/cli/run_fixture.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class RunAgainTest : public RunTest {
 protected:
  void SetUp() override { StartDaemon(); }

  CliResultText Script(const std::string& script, std::vector<std::string> flags = {}) {
    std::vector<std::string> words = {"run", "--job", "j"};
    words.insert(words.end(), flags.begin(), flags.end());
    words.insert(words.end(), {"--", "sh", "-c", script});
    return cli_.Run(words);
  }

  std::string Status() { return GetJson("/api/v1/jobs/j")["status"]; }

  // Runs a command that leaves a trace; true when it was started.
  bool Starts(std::vector<std::string> flags, int exit_code, const std::string& says) {
    const std::string trace = cli_.Path("trace");
    std::filesystem::remove(trace);
    const CliResultText result = Script("touch " + trace, std::move(flags));
    EXPECT_EQ(result.exit_code, exit_code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(says));
    return std::filesystem::exists(trace);
  }
};

TEST_F(RunAgainTest, AFailureOfTheSecondRunShowsEveryTime) {
  EXPECT_EQ(Script("true").err, "");
  for (int run = 0; run < 5; ++run) {
    const CliResultText failed = Script("exit 3");
    EXPECT_EQ(failed.exit_code, 3);
    EXPECT_EQ(failed.err, "");
    EXPECT_EQ(Status(), "failed");
    Script("true");
    EXPECT_EQ(Status(), "completed");
  }
  // Told() fails the test where an event was flagged.
  EXPECT_EQ(Told("j")[3], "job_resumed");
  EXPECT_EQ(GetJson("/api/v1/jobs/j")["epoch"], 11);
  EXPECT_EQ(Events("j")[3]["payload"]["command"][2], "exit 3");
  ExpectVerified("j");
}

TEST_F(RunAgainTest, ACanceledJobIsNotRunAgainUnlessThatIsAskedFor) {
  Append("j", R"({"type":"job_created"})");
  EXPECT_EQ(admin().Post("/api/v1/jobs/j/cancel", "{}").status, 201);
  EXPECT_FALSE(Starts({}, 6, "job j is canceled; the command was not started"));
  EXPECT_FALSE(Starts({"--stage", "s"}, 6, "--resume"));
  EXPECT_EQ(Status(), "canceled");
  EXPECT_TRUE(Starts({"--resume"}, 0, ""));
  EXPECT_EQ(Status(), "completed");
  EXPECT_THAT(Told("j"),
              ElementsAre("job_created", "job_canceled", "job_resumed", "job_completed"));
}

TEST_F(RunAgainTest, NewRefusesAJobThatIsThereBeforeTheCommandStarts) {
  EXPECT_TRUE(Starts({"--new", "--pipeline", "p", "--stages", "a,b"}, 0, ""));
  EXPECT_THAT(Told("j"), ElementsAre("job_created", "job_started", "job_completed"));
  EXPECT_EQ(Events("j")[0]["payload"], Json({{"pipeline", "p"}, {"stages", {"a", "b"}}}));
  EXPECT_EQ(Events("j")[1]["payload"]["command"][0], "sh");
  EXPECT_FALSE(Starts({"--new"}, 6, "job j already exists"));
  KillDaemon();
  EXPECT_FALSE(Starts({"--new"}, 5, "no daemon at"));
  EXPECT_FALSE(Starts({"--new", "--resume"}, 2, "--resume"));
  EXPECT_FALSE(Starts({"--new", "--stage", "s"}, 2, "--new applies to jobs only"));
  StartDaemon();
}

TEST_F(RunAgainTest, AJobThatWaitsForADecisionIsNotRunSilently) {
  Append("j", R"({"type":"gate_pause","gate":"publish"})");
  const CliResultText result = cli_.Run({"run", "--job", "j", "--", "echo", "ran"});
  EXPECT_EQ(result.out, "ran\n");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, AllOf(HasSubstr("job j is paused (gate publish is pending); the command "
                                          "starts anyway, and its end cancels the gate"),
                                HasSubstr("stagelog gate wait j publish")));
  Append("k", R"({"type":"gate_pause","gate":"publish"})");
  Append("k", R"({"type":"gate_rejected","gate":"publish"})");
  EXPECT_THAT(cli_.Run({"run", "--job", "k", "--", "true"}).err,
              HasSubstr("job k is paused (gate publish was rejected); the command starts anyway"));
  EXPECT_THAT(cli_.Run({"run", "--job", "new", "--", "true"}).err, Not(HasSubstr("paused")));
}

TEST_F(RunAgainTest, ExpectedStagesMayHaveBlanksBetweenThem) {
  EXPECT_EQ(cli_.Run({"run", "--job", "s", "--stages", "a, b/c ,d", "--", "true"}).err, "");
  EXPECT_EQ(Events("s")[0]["payload"]["stages"], Json({"a", "b/c", "d"}));
  EXPECT_EQ(cli_.Run({"run", "--job", "t", "--stages", "a, ,b", "--", "true"}).exit_code, 2);
}

TEST_F(RunAgainTest, AJobThatWasCreatedBeforeIsStarted) {
  EXPECT_EQ(admin().Post("/api/v1/jobs", R"({"job_id":"j","pipeline":"p"})").status, 201);
  Script("true");
  EXPECT_THAT(Told("j"), ElementsAre("job_created", "job_started", "job_completed"));
  EXPECT_EQ(Events("j")[1]["payload"]["command"][0], "sh");
}

TEST_F(RunAgainTest, RunsWithoutADaemonAreResumptionsOnceOneIsThere) {
  KillDaemon();
  Script("true");
  Script("true");
  EXPECT_EQ(Script("exit 4").exit_code, 4);
  StartDaemon();
  EXPECT_EQ(cli_.Run({"spool", "flush"}).exit_code, 0);
  const Json job = GetJson("/api/v1/jobs/j");
  EXPECT_EQ(job["status"], "failed");
  EXPECT_EQ(job["reason"], "exit code 4");
  EXPECT_EQ(job["epoch"], 3);
  ExpectVerified("j");
}

TEST_F(RunAgainTest, ARunWithoutADaemonDoesNotUndoACancel) {
  Append("j", R"({"type":"job_canceled"})");
  KillDaemon();
  EXPECT_EQ(Script("exit 4").exit_code, 4);
  StartDaemon();
  EXPECT_EQ(cli_.Run({"spool", "flush"}).exit_code, 0);
  EXPECT_EQ(Status(), "canceled");
}

TEST_F(RunAgainTest, AStageOfAJobThatIsOverSaysSoEveryTime) {
  Script("true");
  for (int run = 0; run < 5; ++run) {
    const CliResultText result = Script("exit 2", {"--stage", "s"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, AllOf(HasSubstr("job j is completed"), HasSubstr("--resume")));
  }
  EXPECT_EQ(Script("exit 2", {"--stage", "t", "--resume"}).err, "");
  EXPECT_EQ(Status(), "running");
  EXPECT_EQ(GetJson("/api/v1/jobs/j/stages/t")["status"], "failed");
}

}  // namespace
}  // namespace stagelog
