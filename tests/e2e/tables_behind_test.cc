// The tables of jobs cannot be written while events can: what reads the log goes on, and lists say
// that they would lack something.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <chrono>
#include <thread>

#include "tests/support/daemon_fixture.h"
#include "tests/support/deadline.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

class TablesBehindTest : public DaemonTest {
 protected:
  void SetUp() override {
    Start();
    Append("job", R"({"type":"job_started"})");
    ASSERT_EQ(admin().Get("/api/v1/jobs").status, 200);
    Execute(
        "CREATE TRIGGER no_more BEFORE INSERT ON job_events BEGIN SELECT RAISE(FAIL, 'no'); END");
    Append("job", R"({"type":"gate_pause","gate":"g"})");
  }

  void Execute(const std::string& sql) {
    SQLite::Database database(runs_dir() + "/stagelog.db", SQLite::OPEN_READWRITE, 10'000);
    database.exec(sql);
  }

  int StatusOnceIt(const std::string& target, int wanted) {
    const Deadline deadline(std::chrono::seconds(20));
    int status = 0;
    while (!deadline.Passed()) {
      status = admin().Get(target).status;
      if (status == wanted) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));  // time itself is waited for
    }
    return status;
  }
};

TEST_F(TablesBehindTest, ListsAreRefusedUntilTheyAreCompleteAgain) {
  for (const char* target : {"/api/v1/jobs", "/api/v1/gates"}) {
    SCOPED_TRACE(target);
    const HttpResponse answer = admin().Get(target);
    ExpectProblem(answer, 503, "tables_behind");
    EXPECT_EQ(answer.Header("retry-after"), "1");
    EXPECT_THAT(answer.body, HasSubstr("/readyz"));
  }
  EXPECT_EQ(GetJson("/api/v1/jobs/job").at("status"), "paused") << "of one job, all is known";
  EXPECT_EQ(GetJson("/api/v1/jobs/job/events?after=0").at("events").size(), 2U);
  EXPECT_EQ(admin().Get("/readyz").status, 200);
  EXPECT_THAT(admin().Get("/readyz").body, HasSubstr(R"("name":"job_tables","lag_events":1)"));
  Execute("DROP TRIGGER no_more");
  EXPECT_EQ(StatusOnceIt("/api/v1/jobs", 200), 200);
  EXPECT_EQ(GetJson("/api/v1/gates").at("gates").size(), 1U);
}

}  // namespace
}  // namespace stagelog
