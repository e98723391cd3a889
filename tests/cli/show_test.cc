// stagelog show and stagelog jobs with a real daemon.
#include <gmock/gmock.h>

#include "tests/cli/cli_runner.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"
#include "tools/cli/watch/text_table.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
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
  EXPECT_THAT(result.out, AllOf(StartsWith("job  paused  0 %  pipeline render\n"),
                                HasSubstr("\nencode  "), HasSubstr("\ngate publish  "),
                                HasSubstr("    Ship it?\n    waits for an approver since ")));
  const CliResultText document = cli_.Run({"show", "job", "--json"});
  EXPECT_EQ(document.out, admin().Get("/api/v1/jobs/job").body);
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
