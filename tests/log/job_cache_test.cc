// The states of jobs in the writer's memory, and jobs that are large.
#include "log/table/job_cache.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "base/random.h"
#include "core/event_codec.h"
#include "core/job_size.h"
#include "tests/log/job_state_table_fixture.h"

namespace stagelog {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMaxBytes = 100'000;

class JobCacheTest : public testing::Test {
 protected:
  // As the writer uses it: finds or makes the job, folds events into it, weighs, trims.
  void Append(const std::string& job_id, const std::string& type, const Parts& parts = {}) {
    JobState* state = cache_.IsReady(job_id) ? cache_.Find(table_, job_id) : cache_.Create(job_id);
    StateChanges changes;
    Event event;
    event.draft = Draft(job_id, type, parts);
    event.seq = event.job_seq = state->job_seq + 1;
    event.ts_micros = event.seq;
    Apply(*state, event, std::string(64, 'a'), &changes);
    cache_.CountChanges(job_id, changes);
    EXPECT_EQ(cache_.bytes() > 0, true);
    cache_.Trim();
  }

  EventTable table_{":memory:", ""};
  JobCache cache_{kMaxBytes};
};

TEST_F(JobCacheTest, AnIdIsNewOnlyWhereThatIsCertain) {
  const std::string early = MakeForeignUuidV7(1'000'000);
  const std::string late = MakeForeignUuidV7(2'000'000);
  EXPECT_FALSE(cache_.IsNewId("job", early)) << "the job is not cached";
  Append("job", "job_created");
  EXPECT_TRUE(cache_.IsNewId("job", early));
  EXPECT_FALSE(cache_.IsNewId("job", "zzz")) << "not a UUID";
  cache_.NoteId("job", "zzz");
  cache_.NoteId("job", late);
  cache_.NoteId("job", early);
  EXPECT_FALSE(cache_.IsNewId("job", early));
  EXPECT_FALSE(cache_.IsNewId("job", late));
  EXPECT_TRUE(cache_.IsNewId("job", MakeForeignUuidV7(3'000'000)));
  cache_.Clear();
  EXPECT_FALSE(cache_.IsNewId("job", MakeForeignUuidV7(3'000'000)));
}

// Each report of progress changes a stage; it used to count as one more.
TEST_F(JobCacheTest, ProgressIsNoGrowth) {
  Append("other", "job_created");
  Append("busy", "stage_started", {.stage = "s"});
  const size_t bytes = cache_.bytes();
  for (int i = 0; i < 5'000; ++i) {
    Append("busy", "stage_progress", {.stage = "s", .payload = R"({"percent":50})"});
  }
  EXPECT_EQ(cache_.bytes(), bytes);
  EXPECT_TRUE(cache_.IsReady("other"));
}

TEST_F(JobCacheTest, WeighsWhatIsThere) {
  Append("job", "job_created", {.payload = R"({"stages":["a","b","c/d"]})"});
  for (int i = 0; i < 20; ++i) {
    Append("job", "stage_started", {.stage = "s" + std::to_string(i), .message = "long message"});
    Append("job", "stage_progress", {.stage = "s" + std::to_string(i), .message = "m"});
  }
  Append("job", "gate_pause", {.gate = "g", .payload = R"({"prompt":"Ship it?"})"});
  JobState* state = cache_.Find(table_, "job");
  // About: of the text of the job itself nothing is noted.
  EXPECT_NEAR(static_cast<double>(cache_.bytes()), static_cast<double>(BytesOf(*state)), 500);
}

TEST_F(JobCacheTest, WhatWasNotUsedForTheLongestTimeGoesFirst) {
  for (int i = 0; i < 1'000; ++i) {
    Append("busy", "log");
    Append("job-" + std::to_string(i), "job_created");
  }
  EXPECT_LE(cache_.bytes(), kMaxBytes + sizeof(JobState));
  EXPECT_GT(cache_.size(), 50U);
  EXPECT_LT(cache_.size(), 500U);
  EXPECT_TRUE(cache_.IsReady("busy"));
  EXPECT_TRUE(cache_.IsReady("job-999"));
  EXPECT_FALSE(cache_.IsReady("job-0"));
}

TEST_F(JobCacheTest, OneLargeJobStaysAndDrivesNobodyOut) {
  for (int i = 0; i < 1'000; ++i) {
    Append("large", "stage_started", {.stage = "s" + std::to_string(i)});
    Append("small", "log");
  }
  EXPECT_GT(BytesOf(*cache_.Find(table_, "large")), 2 * kMaxBytes);
  EXPECT_TRUE(cache_.IsReady("large"));
  EXPECT_TRUE(cache_.IsReady("small"));
  EXPECT_LE(cache_.bytes(), kMaxBytes);
}

TEST_F(JobCacheTest, ForgettingAndClearingLeaveNothingBehind) {
  Append("a", "job_created");
  Append("b", "stage_started", {.stage = "s"});
  cache_.Forget("a");
  cache_.Forget("unknown");
  EXPECT_EQ(cache_.size(), 1U);
  cache_.Forget("b");
  EXPECT_EQ(cache_.bytes(), 0U);
  Append("a", "job_created");
  cache_.Clear();
  EXPECT_EQ(cache_.bytes(), 0U);
  cache_.Trim();
  Append("a", "job_created");
}

class LargeJobTest : public JobStateTableTest {
 protected:
  // events.jsonl of a job that has begun so many stages and completed none, as a version without
  // bounds has left it.
  void WriteJob(const std::string& job_id, size_t stages) {
    std::filesystem::create_directories(runs_ + "/" + job_id);
    std::ofstream file(FilePath(job_id), std::ios::binary);
    std::string hash;
    for (size_t i = 0; i < stages; ++i) {
      Event event;
      event.draft = Draft(job_id, "stage_started", {.stage = "s" + std::to_string(i)});
      event.seq = event.job_seq = static_cast<int64_t>(i) + 1;
      event.ts_micros = ManualClock::kDefaultWallMicros - 1'000'000 + event.seq;
      event.draft.occurred_at_micros = event.ts_micros;
      event.draft.event_id = "e" + std::to_string(i);
      if (i == 0) event.violations = {"implicit_create"};
      const SealedLine line = EncodeEvent(event, hash);
      hash = line.hash;
      file << line.body << '\n';
    }
  }
};

TEST_F(LargeJobTest, OneFromBeforeThereWereBoundsIsServedAndTakesNothingThatMakesItLarger) {
  WriteJob("old", kMaxStageAttempts + 500);
  Open();
  EXPECT_EQ(Find("old").stages.size(), kMaxStageAttempts + 500);
  const AppendOutcome refused = Tell("old", "stage_started", {.stage = "new"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "job_too_large");
  EXPECT_THAT(refused.error().detail, HasSubstr("'old' has 20500 stage attempts"));
  // A batch is taken whole or refused whole, and the line is named.
  std::vector<EventDraft> drafts;
  drafts.push_back(Draft("old", "log", {.message = "m"}));
  drafts.push_back(Draft("old", "stage_failed", {.stage = "new"}));
  const AppendOutcome batch = Append(std::move(drafts));
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().code, "job_too_large");
  EXPECT_EQ(batch.error().line, 2);
  ASSERT_TRUE(Tell("old", "stage_completed", {.stage = "s7"}));
  ASSERT_TRUE(Tell("old", "job_completed"));
  ASSERT_TRUE(Tell("other", "stage_started", {.stage = "s"}));
  EXPECT_EQ(Find("old").job_seq, static_cast<int64_t>(kMaxStageAttempts) + 502);
  Close();
  Open();
  EXPECT_EQ(Find("old").status, JobStatus::kCompleted);
}

// A snapshot is as large as the job: in one of many stages they are rare.
TEST_F(LargeJobTest, SnapshotsGetRareWithTheSizeOfTheJob) {
  WriteJob("job", 5'500);
  Open();
  for (int i = 0; i < 10; ++i) {
    std::vector<EventDraft> drafts(1'000, Draft("job", "log", {.message = "m"}));
    ASSERT_TRUE(Append(std::move(drafts)));
  }
  Close();
  SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READONLY);
  const int count = database.execAndGet("SELECT count(*) FROM snapshots WHERE seq > 5500").getInt();
  EXPECT_GE(count, 1);
  EXPECT_LE(count, 2);
}

}  // namespace
}  // namespace stagelog
