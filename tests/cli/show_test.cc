// stagelog show and stagelog jobs with a real daemon.
#include <gmock/gmock.h>

#include "cli/watch/text_table.h"
#include "tests/cli/cli_runner.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ShowTest : public DaemonTest {
 protected:
  void SetUp() override {
    Start();
    cli_.SetEnvironment("STAGELOG_URL", "http://127.0.0.1:" + std::to_string(daemon_->port()));
  }

  // Waits until the command has printed that; false when it does not.
  static bool Prints(CliProcess& process, const std::string& text) {
    const Deadline deadline(std::chrono::seconds(30));
    while (process.out().find(text) == std::string::npos) {
      if (deadline.Passed()) return false;
      if (process.Wait(std::chrono::milliseconds(10)).exit_code >= 0) break;
    }
    return process.out().find(text) != std::string::npos;
  }

  std::vector<std::string> JobIds(std::vector<std::string> more) {
    more.insert(more.begin(), {"jobs", "--json"});
    const CliResultText result = cli_.Run(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::string> ids;
    std::istringstream lines(result.out);
    for (std::string line; std::getline(lines, line);) {
      ids.push_back(Json::parse(line).at("job_id"));
    }
    return ids;
  }

  CliRunner cli_;
};

TEST_F(ShowTest, DrawsAJobAndPrintsItsDocument) {
  Append("job", R"({"type":"job_created","payload":{"pipeline":"render"}})");
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  Append("job", R"({"type":"gate_pause","gate":"publish","payload":{"prompt":"Ship it?"}})");
  const CliResultText result = cli_.Run({"show", "job"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(StartsWith("job  paused  pipeline render\n"),
                                HasSubstr("\nencode  "), HasSubstr("\ngate publish  "),
                                HasSubstr("    Ship it?\n    waiting for an approver since ")));
  const CliResultText document = cli_.Run({"show", "job", "--json"});
  const Json printed = Json::parse(document.out);
  EXPECT_EQ(printed["status"], "paused");
  EXPECT_EQ(printed["as_of_seq"], 3);
  EXPECT_EQ(cli_.Run({"show", "job", "--json", "--at-seq", "3"}).out,
            admin().Get("/api/v1/jobs/job?at_seq=3").body);
}

TEST_F(ShowTest, DrawsWhatIsStillToComeAndLabels) {
  admin().Post("/api/v1/jobs",
               R"({"job_id":"job","stages":["encode","upload"],"labels":{"team":"film"}})");
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  const CliResultText result = cli_.Run({"show", "job"});
  EXPECT_THAT(result.out, AllOf(StartsWith("job  running  0 %\nlabels team=film\n"),
                                HasSubstr("\nupload    pending\n")));
  Append("other", R"({"type":"job_created"})");
  EXPECT_THAT(JobIds({"--label", "team=film"}), ElementsAre("job"));
  EXPECT_THAT(JobIds({"--label", "team", "--label", "team:etl"}), ElementsAre());
  EXPECT_THAT(cli_.Run({"jobs"}).out, AllOf(HasSubstr("LABELS"), HasSubstr("team=film")));
  EXPECT_EQ(cli_.Run({"jobs", "--label", "a b"}).exit_code, 2);
}

TEST_F(ShowTest, AFailedStageShowsItsLastLinesOfStderr) {
  const auto log = [this](const std::string& stage, const std::string& stream,
                          const std::string& message) {
    Append("job", R"({"type":"log","stage":")" + stage + R"(","message":")" + message +
                      R"(","payload":{"stream":")" + stream + "\"}}");
  };
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  log("encode", "stderr", "of the first attempt");
  Append("job", R"({"type":"stage_failed","stage":"encode"})");
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  for (int i = 1; i <= 12; ++i) log("encode", "stderr", "line " + std::to_string(i));
  log("encode", "stdout", "said on stdout, of stderr");
  log("fetch", "stderr", "of another stage");
  const int64_t failed = SeqOf(Append("job", R"({"type":"stage_failed","stage":"encode"})"));
  log("encode", "stderr", "\\u001b[2Jlate");
  const CliResultText then = cli_.Run({"show", "job", "--at-seq", std::to_string(failed)});
  std::string expected = "\nstderr of encode, the last lines\n";
  for (int i = 3; i <= 12; ++i) expected += "  line " + std::to_string(i) + "\n";
  EXPECT_THAT(then.out, EndsWith(expected));
  EXPECT_THAT(cli_.Run({"show", "job", "--stderr-lines", "1"}).out,
              EndsWith("\nstderr of encode, the last line\n  \\u001b[2Jlate\n"));
  EXPECT_THAT(cli_.Run({"show", "job", "--stderr-lines", "0"}).out, Not(HasSubstr("stderr of")));
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  EXPECT_THAT(cli_.Run({"show", "job"}).out, Not(HasSubstr("stderr of")));
}

TEST_F(ShowTest, AFailedJobWithoutStagesShowsItsOwnLastLinesOfStderr) {
  EXPECT_EQ(cli_.Run({"run", "--job", "job", "--label", "team=film", "--label", "env:prod", "--",
                      "sh", "-c", "echo out; echo why >&2; exit 3"})
                .exit_code,
            3);
  EXPECT_EQ(GetJson("/api/v1/jobs/job")["labels"], Json::parse(R"({"env":"prod","team":"film"})"));
  EXPECT_EQ(cli_.Run({"run", "--label", "team", "--", "true"}).exit_code, 2);
  EXPECT_EQ(
      cli_.Run({"run", "--job", "job", "--stage", "s", "--label", "a=b", "--", "true"}).exit_code,
      2);
  EXPECT_THAT(cli_.Run({"show", "job"}).out, EndsWith("\nstderr, the last line\n  why\n"));
}

TEST_F(ShowTest, ShowsWhatWas) {
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  const int64_t seq = SeqOf(Append("job", R"({"type":"stage_completed","stage":"encode"})"));
  Append("job", R"({"type":"job_completed"})");
  const CliResultText result = cli_.Run({"show", "job", "--at-seq", std::to_string(seq - 1)});
  EXPECT_THAT(result.out, AllOf(StartsWith("job  running"),
                                HasSubstr("as it was after seq " + std::to_string(seq - 1))));
  EXPECT_EQ(cli_.Run({"show", "job", "--at", "5d"}).exit_code, 6);
}

TEST_F(ShowTest, WatchesUntilTheJobIsOver) {
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  auto watch = cli_.Start({"show", "job", "--watch"});
  ASSERT_TRUE(Prints(*watch, "job  running"));
  Append("job", R"({"type":"stage_started","stage":"upload"})");
  ASSERT_TRUE(Prints(*watch, "upload"));
  Append("job", R"({"type":"job_completed"})");
  const CliResultText result = watch->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("job  completed"));
}

TEST_F(ShowTest, WatchingGoesOnWhenTheDaemonIsBack) {
  Append("job", R"({"type":"stage_started","stage":"encode"})");
  auto watch = cli_.Start({"show", "job", "--watch", "--json"});
  ASSERT_TRUE(Prints(*watch, "\"encode\""));
  const uint16_t port = daemon_->port();
  daemon_->Kill9();
  Start(kTestConfig, port);
  Append("job", R"({"type":"job_completed"})");
  const CliResultText result = watch->Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr(R"("status":"completed")"));
}

TEST_F(ShowTest, ListsJobsYoungestFirstPageByPage) {
  std::string body;
  for (int i = 1; i <= 203; ++i) {
    body += R"({"job_id":"job-)" + std::to_string(i) + R"(","type":"job_created","payload":)" +
            (i % 2 == 0 ? R"({"pipeline":"even"}})" : R"({"pipeline":"odd"}})") + "\n";
  }
  const auto answer = admin().Post("/api/v1/events", body, "application/x-ndjson");
  ASSERT_EQ(answer.status, 201) << answer.body;
  EXPECT_THAT(JobIds({"--limit", "2"}), ElementsAre("job-203", "job-202"));
  EXPECT_THAT(JobIds({"--limit", "1", "--pipeline", "even"}), ElementsAre("job-202"));
  EXPECT_THAT(JobIds({"--text", "job-17", "--limit", "1"}), ElementsAre("job-179"));
  const auto all = JobIds({"--all"});
  ASSERT_EQ(all.size(), 203U);
  EXPECT_EQ(all.back(), "job-1");
  const CliResultText table = cli_.Run({"jobs", "--limit", "3"});
  EXPECT_THAT(table.out, AllOf(StartsWith("JOB      STATUS   PIPELINE"), HasSubstr("\njob-202  ")));
  EXPECT_THAT(table.err, HasSubstr("--all"));
  EXPECT_EQ(cli_.Run({"jobs", "--status", "failed"}).err, "no jobs\n");
}

TEST(TextTableTest, TheWidestColumnsAreCutFirst) {
  const std::vector<cli::TableRow> rows = {{{"a-long-name-of-a-job"}, {""}, {"12"}},
                                           {{"short"}, {""}, {"7"}}};
  const std::vector<cli::TableColumn> columns = {{"JOB", 6}, {"EMPTY"}, {"COUNT", 0, true}};
  const cli::Screen screen(-1, "never");
  const cli::TextTable wide(columns, rows, 0);
  EXPECT_EQ(wide.Head(screen), "JOB                   COUNT\n");
  EXPECT_EQ(wide.Row(rows[0], screen), "a-long-name-of-a-job     12\n");
  const cli::TextTable narrow(columns, rows, 17);
  EXPECT_EQ(narrow.Row(rows[0], screen), "a-long-na…     12\n");
  EXPECT_EQ(narrow.Row(rows[1], screen), "short           7\n");
}

}  // namespace
}  // namespace stagelog
