#include "core/job_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

EventDraft DraftOf(const std::string& type) {
  EventDraft draft;
  draft.job_id = "a";
  draft.type = type;
  draft.kind = FindType(type)->type;
  return draft;
}

// Folds events one after the other, each with the violations that Judge finds.
class Story {
 public:
  Story& Tell(const std::string& type) {
    Event event;
    event.draft = DraftOf(type);
    event.seq = state_.as_of_seq + 10;
    event.job_seq = state_.job_seq + 1;
    event.ts_micros = event.seq * 1'000'000;
    event.violations = Judge(state_, event.draft);
    Apply(state_, event, "hash-" + std::to_string(event.seq));
    last_violations_ = event.violations;
    return *this;
  }

  const JobState& state() const { return state_; }
  const std::vector<std::string>& last_violations() const { return last_violations_; }

 private:
  JobState state_;
  std::vector<std::string> last_violations_;
};

struct Fold {
  std::vector<const char*> types;
  JobStatus status;
  std::vector<std::string> last_violations = {};
};

class FoldTest : public testing::TestWithParam<Fold> {};

TEST_P(FoldTest, EndsInItsState) {
  Story story;
  for (const char* type : GetParam().types) story.Tell(type);
  EXPECT_EQ(JobStatusName(story.state().status), JobStatusName(GetParam().status));
  EXPECT_EQ(story.last_violations(), GetParam().last_violations);
}

const Fold kFolds[] = {
    {{"job_created"}, JobStatus::kCreated},
    {{"job_created", "job_started"}, JobStatus::kRunning},
    {{"job_created", "stage_started"}, JobStatus::kRunning},
    {{"job_created", "log"}, JobStatus::kCreated},
    {{"job_created", "job_started", "stage_completed"}, JobStatus::kRunning},
    {{"job_created", "job_started", "stage_failed"}, JobStatus::kRunning},
    {{"job_created", "job_started", "job_completed"}, JobStatus::kCompleted},
    {{"job_created", "job_started", "job_failed"}, JobStatus::kFailed},
    {{"job_created", "job_started", "job_canceled"}, JobStatus::kCanceled},
    // Gates.
    {{"job_created", "job_started", "gate_pause"}, JobStatus::kPaused},
    {{"job_created", "job_started", "gate_pause", "gate_approved"}, JobStatus::kRunning},
    {{"job_created", "job_started", "gate_pause", "gate_auto_approved"}, JobStatus::kRunning},
    {{"job_created", "job_started", "gate_pause", "gate_rejected"}, JobStatus::kPaused},
    {{"job_created", "job_started", "gate_pause", "gate_expired"}, JobStatus::kPaused},
    {{"job_created", "job_started", "gate_pause", "stage_started"}, JobStatus::kPaused},
    // Again.
    {{"job_created", "job_failed", "job_resumed"}, JobStatus::kRunning},
    {{"job_created", "job_canceled", "job_resumed"}, JobStatus::kRunning},
    {{"job_created", "job_completed", "job_resumed"}, JobStatus::kCompleted, {"resume_completed"}},
    // An unknown job is created by its first event, and counted as what the event makes of it.
    {{"log"}, JobStatus::kCreated, {"implicit_create"}},
    {{"job_started"}, JobStatus::kRunning, {"implicit_create"}},
    {{"job_completed"}, JobStatus::kCompleted, {"implicit_create"}},
    // What is illegal is flagged and changes nothing (promise 7).
    {{"job_created", "job_created"}, JobStatus::kCreated, {"already_created"}},
    {{"job_created", "job_started", "job_created"}, JobStatus::kRunning, {"already_created"}},
    {{"job_created", "job_completed", "job_completed"}, JobStatus::kCompleted, {"job_over"}},
    {{"job_created", "job_completed", "job_failed"}, JobStatus::kCompleted, {"job_over"}},
    {{"job_created", "job_failed", "job_started"}, JobStatus::kFailed, {"job_over"}},
    {{"job_created", "job_canceled", "stage_started"}, JobStatus::kCanceled, {"job_over"}},
    {{"job_created", "job_failed", "gate_pause"}, JobStatus::kFailed, {"job_over"}},
    // Remarks are welcome at any time.
    {{"job_created", "job_completed", "log"}, JobStatus::kCompleted},
    {{"job_created", "job_completed", "x-note"}, JobStatus::kCompleted},
};

INSTANTIATE_TEST_SUITE_P(Table, FoldTest, testing::ValuesIn(kFolds));

TEST(JobStateTest, CountsAndRemembersTheLastEvent) {
  Story story;
  story.Tell("log").Tell("job_completed").Tell("job_completed");
  const JobState& state = story.state();
  EXPECT_EQ(state.job_id, "a");
  EXPECT_EQ(state.job_seq, 3);
  EXPECT_EQ(state.as_of_seq, 30);
  EXPECT_EQ(state.created_at_micros, 10'000'000);
  EXPECT_EQ(state.updated_at_micros, 30'000'000);
  EXPECT_EQ(state.violation_count, 2);
  EXPECT_EQ(state.last_hash, "hash-30");
  EXPECT_TRUE(state.IsOver());
}

// A journal of another time may flag what today's rules do not, and the other way round.
TEST(ApplyTest, TrustsTheViolationsThatTheEventCarries) {
  JobState state = Story().Tell("job_created").state();
  Event event;
  event.draft = DraftOf("job_started");
  event.violations = {"a_rule_of_another_time"};
  Apply(state, event, "");
  EXPECT_EQ(state.status, JobStatus::kCreated);
  event.violations = {};
  Apply(state, event, "");
  EXPECT_EQ(state.status, JobStatus::kRunning);
  event.draft = DraftOf("job_created");
  Apply(state, event, "");
  EXPECT_EQ(state.status, JobStatus::kCreated);
}

TEST(JudgeTest, IsPure) {
  const JobState state = Story().Tell("job_created").Tell("job_completed").state();
  EXPECT_THAT(Judge(state, DraftOf("job_failed")), ElementsAre("job_over"));
  EXPECT_THAT(Judge(state, DraftOf("job_failed")), ElementsAre("job_over"));
  EXPECT_THAT(Judge(JobState(), DraftOf("job_created")), IsEmpty());
}

TEST(JobStatusTest, NamesReadBack) {
  for (const JobStatus status : {JobStatus::kCreated, JobStatus::kRunning, JobStatus::kPaused,
                                 JobStatus::kCompleted, JobStatus::kFailed, JobStatus::kCanceled}) {
    EXPECT_EQ(ParseJobStatus(JobStatusName(status)), status);
  }
  EXPECT_EQ(ParseJobStatus("done"), std::nullopt);
  EXPECT_EQ(ParseJobStatus(""), std::nullopt);
}

TEST(JobStatusTest, OverIsCompletedFailedOrCanceled) {
  JobState state;
  std::vector<std::string_view> over;
  for (int i = 0; i < 6; ++i) {
    state.status = static_cast<JobStatus>(i);
    if (state.IsOver()) over.push_back(JobStatusName(state.status));
  }
  EXPECT_THAT(over, ElementsAre("completed", "failed", "canceled"));
}

TEST(EncodeJobStateTest, IsJson) {
  const std::string text = EncodeJobState(Story().Tell("job_created").Tell("job_started").state());
  EXPECT_EQ(text, R"({"job_id":"a","status":"running","created_at":"1970-01-01T00:00:10.000000Z",)"
                  R"("updated_at":"1970-01-01T00:00:20.000000Z","events":2,"violations":0,)"
                  R"("as_of_seq":20,"last_hash":"hash-20"})");
  EXPECT_TRUE(nlohmann::json::accept(text));
}

}  // namespace
}  // namespace stagelog
