// A daemon with a job of many random events, and the same events as the file has them.
#ifndef STAGELOG_TESTS_CLI_RANDOM_JOB_TEST_H_
#define STAGELOG_TESTS_CLI_RANDOM_JOB_TEST_H_

#include <memory>
#include <string>

#include "cli/offline/file_events.h"
#include "tests/cli/cli_runner.h"
#include "tests/support/daemon_fixture.h"
#include "tests/support/journal_lines.h"

namespace stagelog {

class RandomJobTest : public DaemonTest {
 protected:
  static constexpr const char* kJob = "job";

  // Appends `count` random events to the job, some together, with events of another job before,
  // between and not behind them.
  void PostRandomJob(uint64_t seed, int count) {
    const JournalLines journal = JournalLines::Random(seed, count, kJob);
    AppendLogs("other", 3);
    size_t posted = 0;
    for (size_t size = 1; posted < journal.lines().size(); size = size % 7 + 1) {
      std::string body;
      for (size_t i = 0; i < size && posted < journal.lines().size(); ++i) {
        body += journal.lines()[posted++] + "\n";  // a stored line can be sent again
      }
      if (size == 3) AppendLogs("other", 1);
      const HttpResponse response =
          admin().Post(JobPath() + "/events", body, "application/x-ndjson");
      ASSERT_EQ(response.status, 201) << response.body;
    }
  }

  static std::string JobPath() { return std::string("/api/v1/jobs/") + kJob; }
  std::string JobFile() const { return EventsFileOf(runs_dir(), kJob); }

  // The events of the job's file, to be read once.
  std::unique_ptr<cli::FileEvents> Events() const {
    const auto journal = cli::FindJournal(JobFile());
    EXPECT_TRUE(journal);
    auto events = cli::FileEvents::Open(*journal, cli::Trust::kVerified);
    EXPECT_TRUE(events);
    return std::move(*events);
  }

  CliRunner cli_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_CLI_RANDOM_JOB_TEST_H_
