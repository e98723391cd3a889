// Labels in /metrics: only those that are configured.
#include <gmock/gmock.h>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class LabeledMetricsTest : public DaemonTest {
 protected:
  void TellJobs() {
    for (const char* job : {R"({"job_id":"a","labels":{"team":"film \"x\"","user":"ann"}})",
                            R"({"job_id":"b","labels":{"team":"etl","user":"ben"}})",
                            R"({"job_id":"c","labels":{"team":"etl"}})", R"({"job_id":"d"})"}) {
      ASSERT_EQ(admin().Post("/api/v1/jobs", job).status, 201);
    }
    Append("c", R"({"type":"job_started"})");
  }
};

TEST_F(LabeledMetricsTest, JobsAreCountedByTheLabelsThatAreConfigured) {
  Start(std::string(kTestConfig) + "metrics: {job_labels: [team]}\n");
  TellJobs();
  EXPECT_THAT(
      admin().Get("/metrics").body,
      AllOf(HasSubstr("# TYPE stagelog_labeled_jobs gauge\n"),
            HasSubstr("stagelog_labeled_jobs{label=\"team\",value=\"etl\",status=\"created\"} 1\n"),
            HasSubstr("stagelog_labeled_jobs{label=\"team\",value=\"etl\",status=\"running\"} 1\n"),
            HasSubstr("value=\"film \\\"x\\\"\",status=\"created\"} 1\n"),
            Not(HasSubstr("\"ann\""))));
}

TEST_F(LabeledMetricsTest, ByNoneWhenNoneIs) {
  Start();
  TellJobs();
  EXPECT_THAT(admin().Get("/metrics").body, Not(HasSubstr("labeled")));
}

}  // namespace
}  // namespace stagelog
