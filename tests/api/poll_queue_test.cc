// Which polls wait with the searches: those that may have to look through many events.
#include <gmock/gmock.h>

#include "api/api.h"
#include "api/long_polls.h"
#include "base/metrics.h"
#include "tests/support/manual_clock.h"
#include "tests/support/null_journal.h"

namespace stagelog {
namespace {

// A journal of a million events, in which the job has a few.
class LongJournal : public NullJournal {
 public:
  Result<int64_t> MostEventsOf(const std::string&) override { return job_events; }
  JournalStatus GetStatus() const override { return {.journal_id = "this", .head_seq = head_seq}; }

  int64_t head_seq = 1'000'000;
  int64_t job_events = 21;
};

class PollQueueTest : public ::testing::Test {
 protected:
  // "quick"; "search"; "quick, then search" where that turned out on the way.
  std::string QueuesOf(const std::string& job, const std::string& key = "",
                       const std::string& value = "",
                       const std::vector<std::pair<std::string, std::string>>& more = {}) {
    Call call;
    if (!job.empty()) call.captures = {job};
    if (!key.empty()) call.request.params.emplace(key, value);
    for (const auto& [name, text] : more) call.request.params.emplace(name, text);
    const ApiServices services{journal_, journal_, journal_, journal_, journal_, journal_,
                               journal_, journal_, journal_, polls_,   clock_,   metrics_};
    const Responder responder(&finisher_, 1, 1);
    HandlerResult result = job.empty() ? PollJobs(services, std::move(call), responder)
                                       : PollJob(services, std::move(call), responder);
    std::string queues;
    while (auto* on_pool = std::get_if<RunOnPool>(&result.way)) {
      if (!queues.empty()) queues += ", then ";
      queues += on_pool->is_search ? "search" : "quick";
      HandlerResult next = on_pool->work();
      result = std::move(next);
    }
    EXPECT_TRUE(std::holds_alternative<httplib::Response>(result.way)) << job << " " << value;
    return queues;
  }

  LongJournal journal_;
  LongPolls polls_;
  ManualClock clock_;
  MetricsRegistry metrics_;
  Responder::Finisher finisher_ = [](uint64_t, uint64_t, const Responder::MakeResult&) {};
};

TEST_F(PollQueueTest, AShortJobIsLookedThroughQuickly) {
  EXPECT_EQ(QueuesOf("job", "level", "error", {{"limit", "5"}}), "quick");
  EXPECT_EQ(QueuesOf("job", "q", "needle", {{"since", "all"}}), "quick");
  EXPECT_EQ(QueuesOf("job", "limit", "10000"), "quick");
  journal_.job_events = 100'000;
  EXPECT_EQ(QueuesOf("job", "level", "error"), "quick, then search");
  EXPECT_EQ(QueuesOf("job", "limit", "10000"), "quick, then search");
  EXPECT_EQ(QueuesOf("job", "limit", "1000"), "quick");
}

TEST_F(PollQueueTest, ARangeAtTheHeadIsLookedThroughQuickly) {
  EXPECT_EQ(QueuesOf("", "q", "needle", {{"after", "998000"}}), "quick");
  EXPECT_EQ(QueuesOf("", "q", "needle", {{"after", "997999"}}), "search");
  EXPECT_EQ(QueuesOf("", "q", "needle", {{"since", "now"}}), "quick");
  EXPECT_EQ(QueuesOf("", "q", "needle"), "search");
  EXPECT_EQ(QueuesOf("", "limit", "10000", {{"after", "999500"}}), "quick");
  EXPECT_EQ(QueuesOf("", "limit", "10000"), "search");
  EXPECT_EQ(QueuesOf("", "limit", "1000"), "quick");
  journal_.head_seq = 2'000;
  EXPECT_EQ(QueuesOf("", "q", "needle"), "quick") << "a short journal";
}

}  // namespace
}  // namespace stagelog
