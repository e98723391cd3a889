// Counting jobs must not become the work of a large journal.
#include "api/journal_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/manual_clock.h"
#include "tests/support/null_journal.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

// Takes as much time as it is told to.
class SlowCensus : public NullJournal {
 public:
  explicit SlowCensus(ManualClock& clock) : clock_(clock) {}

  Result<JobCensus> CountJobs() override {
    ++counts;
    clock_.AdvanceMicros(takes_micros);
    if (fails) return Failure("the disk is on fire");
    return census;
  }

  JobCensus census;
  int64_t takes_micros = 0;
  bool fails = false;
  int counts = 0;

 private:
  ManualClock& clock_;
};

class JournalMetricsTest : public ::testing::Test {
 protected:
  std::string Refreshed() {
    journal_metrics_.Refresh();
    return metrics_.RenderText();
  }

  ManualClock clock_;
  SlowCensus journal_{clock_};
  MetricsRegistry metrics_;
  JournalMetrics journal_metrics_{journal_, journal_, clock_, metrics_};
};

TEST_F(JournalMetricsTest, AStatusThatNoJobHasAnyMoreIsZero) {
  journal_.census.jobs = {{"running", 2}};
  EXPECT_THAT(Refreshed(), HasSubstr("stagelog_jobs{status=\"running\"} 2\n"));
  journal_.census.jobs = {{"failed", 2}};
  const std::string text = Refreshed();
  EXPECT_THAT(text, HasSubstr("stagelog_jobs{status=\"running\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("stagelog_jobs{status=\"failed\"} 2\n"));
}

TEST_F(JournalMetricsTest, WhatIsCheapIsCountedEachTime) {
  journal_.takes_micros = 5'000;
  for (int i = 0; i < 10; ++i) journal_metrics_.Refresh();
  EXPECT_EQ(journal_.counts, 10);
}

TEST_F(JournalMetricsTest, WhatTakesLongIsCountedSeldom) {
  journal_.takes_micros = 500'000;
  journal_.census.pending_gates = 1;
  journal_.census.oldest_pending_micros = clock_.WallMicros();
  journal_metrics_.Refresh();
  clock_.AdvanceMicros(9'000'000);
  EXPECT_THAT(Refreshed(), HasSubstr("stagelog_oldest_pending_gate_age_seconds 9\n"))
      << "an age grows by itself";
  EXPECT_EQ(journal_.counts, 1);
  clock_.AdvanceMicros(1'000'000);
  journal_metrics_.Refresh();
  EXPECT_EQ(journal_.counts, 2);
}

TEST_F(JournalMetricsTest, AJournalThatCannotBeReadLeavesTheGauges) {
  journal_.census.jobs = {{"running", 2}};
  journal_metrics_.Refresh();
  journal_.fails = true;
  const std::string text = Refreshed();
  EXPECT_THAT(text, HasSubstr("stagelog_jobs{status=\"running\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("stagelog_census_failures_total 1\n"));
}

}  // namespace
}  // namespace stagelog
