// When things happened is their emitter's to say: durations, waits, rates and the line of time of a
// job follow `occurred_at`, whenever and in whatever order the journal gets to know of it.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/timestamp.h"
#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "tests/core/job_story.h"
#include "tests/support/random_events.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kHour = 3'600 * kSecond;
// A run of long before the journal heard of it.
constexpr int64_t kRun = JobStory::kStartMicros - 1'000 * kHour;

// An event that occurred so long after the run's beginning.
EventParts At(int64_t micros, EventParts parts = {}) {
  parts.occurred_at_micros = kRun + micros;
  return parts;
}

Json StateDocument(const JobStory& story) { return Json::parse(EncodeJobState(story.state())); }

int64_t TimeOf(const Json& object, const char* key) {
  return ParseTimestamp(object.at(key).get<std::string>()).value();
}

// --- The time of one event ---

TEST(EffectiveTimeTest, IsTheEmittersAndNotLaterThanTheJournals) {
  constexpr int64_t kTs = JobStory::kStartMicros;
  EXPECT_EQ(EffectiveMicros(std::nullopt, kTs), kTs);
  EXPECT_EQ(EffectiveMicros(kTs - kHour, kTs), kTs - kHour);
  EXPECT_EQ(EffectiveMicros(kTs, kTs), kTs);
  EXPECT_EQ(EffectiveMicros(kTs + 1, kTs), kTs) << "a clock that is a little ahead";
  EXPECT_EQ(EffectiveMicros(INT64_MAX, kTs), kTs);
}

TEST(EffectiveTimeTest, AClockThatWasNeverSetSaysNothing) {
  constexpr int64_t kTs = JobStory::kStartMicros;
  for (const char* text : {"0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z",
                           "1970-01-01T00:00:17Z", "1970-01-01T12:00:00-12:00"}) {
    EXPECT_EQ(EffectiveMicros(ParseTimestamp(text), kTs), kTs) << text;
  }
  const auto old = ParseTimestamp("1970-01-03T00:00:00Z");
  EXPECT_EQ(EffectiveMicros(old, kTs), old);
}

TEST(EffectiveTimeTest, IsSlicedFromAStoredLineToo) {
  const Event event = JobStory().Next("job_created", At(0));
  const SealedLine line = EncodeEvent(event, "");
  ASSERT_TRUE(SliceStoredEvent(line.body));
  EXPECT_EQ(EffectiveMicros(*SliceStoredEvent(line.body)), kRun);
  EXPECT_EQ(EffectiveMicros(*DecodeStoredEvent(line.body)), kRun);
  JobState state;
  ASSERT_TRUE(ApplyLine(state, line.body));
  EXPECT_EQ(state.created_at_micros, kRun);
}

// --- A run that is told later ---

JobStory ThreeHours() {
  JobStory story;
  story.Tell("job_created", At(0))
      .Tell("job_started", At(10 * kSecond))
      .Tell("stage_started", At(kHour, {.stage = "s"}))
      .Tell("stage_progress", At(kHour, {.stage = "s", .payload = R"({"current":0,"total":100})"}))
      .Tell("stage_progress",
            At(kHour + 1'000 * kSecond, {.stage = "s", .payload = R"({"current":50})"}))
      .Tell("gate_pause", At(2 * kHour, {.gate = "g", .payload = R"({"timeout_seconds":60})"}))
      .Tell("gate_approved", At(2 * kHour + 600 * kSecond, {.gate = "g"}));
  return story;
}

TEST(LateRunTest, DurationsWaitsAndRatesAreTheRuns) {
  JobStory story = ThreeHours();
  Json document = StateDocument(story);
  EXPECT_EQ(document["duration_ms"], 7'800'000) << "to the latest time that was told";
  EXPECT_EQ(document["stages"][0]["duration_ms"], 4'200'000);
  EXPECT_EQ(document["stages"][0]["progress"]["rate_per_second"], 0.05);
  EXPECT_EQ(document["stages"][0]["progress"]["seconds_left"], 1'000);
  story.Tell("stage_completed", At(2 * kHour + 1'800 * kSecond, {.stage = "s"}))
      .Tell("job_completed", At(3 * kHour));
  document = StateDocument(story);
  EXPECT_EQ(TimeOf(document, "created_at"), kRun);
  EXPECT_EQ(TimeOf(document, "started_at"), kRun + 10 * kSecond);
  EXPECT_EQ(TimeOf(document, "ended_at"), kRun + 3 * kHour);
  EXPECT_EQ(document["duration_ms"], 10'800'000);
  EXPECT_EQ(document["waited_ms"], 600'000);
  EXPECT_EQ(document["worked_ms"], 10'200'000);
  EXPECT_EQ(document["stages"][0]["duration_ms"], 5'400'000);
  EXPECT_EQ(document["gates"][0]["waited_ms"], 600'000);
  EXPECT_EQ(TimeOf(document["gates"][0], "opened_at"), kRun + 2 * kHour);
  EXPECT_EQ(TimeOf(document["gates"][0], "decided_at"), kRun + 2 * kHour + 600 * kSecond);
}

// A fresh import of an old run is no old job, and its gate's timer has not run out already.
TEST(LateRunTest, WhatTheJournalItselfMeasuresFollowsTs) {
  const JobStory story = ThreeHours();
  const Json document = StateDocument(story);
  EXPECT_EQ(TimeOf(document, "updated_at"), JobStory::kStartMicros + 7 * kSecond);
  EXPECT_EQ(story.gate("g").ExpiresAtMicros(), JobStory::kStartMicros + 66 * kSecond);
  EXPECT_EQ(TimeOf(document["gates"][0], "expires_at"), story.gate("g").ExpiresAtMicros());
}

TEST(LateRunTest, TheDocumentNamesItsFold) {
  EXPECT_EQ(StateDocument(ThreeHours())["fold_version"], kFoldVersion);
  const JobState state = ThreeHours().state();
  EXPECT_EQ(Json::parse(EncodeJobSummary(state, state.Done()))["fold_version"], kFoldVersion);
}

// `POST /jobs` now, then the run's log.
TEST(LateRunTest, WhatHappenedBeforeItsCreationMovesTheBeginningBack) {
  JobStory story;
  story.Tell("job_created")
      .Tell("stage_started", At(0, {.stage = "s"}))
      .Tell("stage_completed", At(kHour, {.stage = "s"}))
      .Tell("job_completed", At(3 * kHour));
  const Json document = StateDocument(story);
  EXPECT_EQ(TimeOf(document, "created_at"), kRun);
  EXPECT_EQ(TimeOf(document, "ended_at"), kRun + 3 * kHour);
  EXPECT_EQ(document["duration_ms"], 10'800'000);
  EXPECT_EQ(document["stages"][0]["duration_ms"], 3'600'000);
}

TEST(LateRunTest, RemarksAndWhatIsFlaggedMoveNeitherBeginningNorEnd) {
  JobStory story;
  story.Tell("job_started", At(kHour))
      .Tell("log", At(0, {.message = "of the machine, before"}))
      .Tell("gate_approved", At(0, {.gate = "unknown"}))
      .Tell("job_completed", At(2 * kHour))
      .Tell("log", {.message = "now"});
  const Json document = StateDocument(story);
  EXPECT_EQ(TimeOf(document, "created_at"), kRun + kHour);
  EXPECT_EQ(document["duration_ms"], 3'600'000);
}

// --- Clocks that differ ---

TEST(SkewTest, AnEndIsNotBeforeItsStart) {
  JobStory story;
  story.Tell("job_started", At(0))
      .Tell("stage_started", At(600 * kSecond, {.stage = "s"}))
      .Tell("stage_completed", At(540 * kSecond, {.stage = "s"}))  // another machine, behind
      .Tell("gate_pause", At(700 * kSecond, {.gate = "g"}))
      .Tell("gate_approved", At(650 * kSecond, {.gate = "g"}))
      .Tell("job_completed", At(10 * kSecond));
  const Json document = StateDocument(story);
  EXPECT_EQ(document["stages"][0]["duration_ms"], 0);
  EXPECT_EQ(document["stages"][0]["ended_at"], document["stages"][0]["started_at"]);
  EXPECT_EQ(document["gates"][0]["waited_ms"], 0);
  EXPECT_EQ(TimeOf(document, "ended_at"), kRun + 700 * kSecond) << "not before what it did";
  EXPECT_EQ(document["waited_ms"], 0);
  EXPECT_EQ(document["worked_ms"], 700'000);
}

TEST(SkewTest, AResumptionIsNotBeforeTheEndThatItFollows) {
  JobStory story;
  story.Tell("job_started", At(0))
      .Tell("job_failed", At(100 * kSecond))
      .Tell("job_resumed", At(40 * kSecond))
      .Tell("gate_pause", At(50 * kSecond, {.gate = "g"}))
      .Tell("gate_approved", At(130 * kSecond, {.gate = "g"}))
      .Tell("job_completed", At(120 * kSecond));
  const Json document = StateDocument(story);
  EXPECT_EQ(document["stopped_ms"], 0);
  EXPECT_EQ(document["waited_ms"], 30'000) << "from the resumption on";
  EXPECT_EQ(document["gates"][0]["waited_ms"], 80'000);
  EXPECT_EQ(document["duration_ms"], 130'000);
}

TEST(SkewTest, ReportsThatComeLateDoNotTurnARateRound) {
  JobStory story;
  story.Tell("stage_started", At(0, {.stage = "s"}))
      .Tell("stage_progress", At(100 * kSecond, {.stage = "s", .payload = R"({"current":10})"}))
      .Tell("stage_progress", At(50 * kSecond, {.stage = "s", .payload = R"({"current":20})"}));
  EXPECT_FALSE(StateDocument(story)["stages"][0]["progress"].contains("rate_per_second"));
  story.Tell("stage_progress", At(110 * kSecond, {.stage = "s", .payload = R"({"current":30})"}));
  EXPECT_EQ(StateDocument(story)["stages"][0]["progress"]["rate_per_second"], 2);
}

// --- Whatever the clocks say ---

void ExpectNoNegativeTime(const Json& document) {
  for (const char* key : {"duration_ms", "waited_ms", "stopped_ms", "worked_ms"}) {
    EXPECT_GE(document.at(key).get<int64_t>(), 0) << key;
  }
  const int64_t parts = document["waited_ms"].get<int64_t>() +
                        document["stopped_ms"].get<int64_t>() +
                        document["worked_ms"].get<int64_t>();
  EXPECT_NEAR(static_cast<double>(parts), document["duration_ms"].get<double>(), 3);
  const int64_t created = TimeOf(document, "created_at");
  int64_t latest = created;
  if (document.contains("started_at")) latest = TimeOf(document, "started_at");
  EXPECT_GE(latest, created);
  for (const Json& stage : document["stages"]) {
    EXPECT_GE(stage["duration_ms"].get<int64_t>(), 0);
    EXPECT_GE(TimeOf(stage, "started_at"), created);
    latest =
        std::max(latest, TimeOf(stage, stage.contains("ended_at") ? "ended_at" : "started_at"));
  }
  for (const Json& gate : document["gates"]) {
    EXPECT_GE(TimeOf(gate, "opened_at"), created);
    EXPECT_GE(gate.value("waited_ms", int64_t{0}), 0);
    if (gate.contains("decided_at")) latest = std::max(latest, TimeOf(gate, "decided_at"));
  }
  if (!document.contains("ended_at")) return;
  EXPECT_GE(TimeOf(document, "ended_at"), latest);
}

TEST(SkewTest, NothingIsEverNegativeAndAJobEnclosesItsParts) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    RandomEvents events(seed, {"a"});
    events.TellTimesAround(JobStory::kStartMicros);
    JobStory story;
    JobState folded;
    std::string hash;
    for (int i = 0; i < 150; ++i) {
      const EventDraft draft = events.Next();
      const EventParts parts = {.stage = draft.stage,
                                .gate = draft.gate,
                                .attempt = draft.attempt,
                                .message = draft.message,
                                .payload = draft.payload,
                                .occurred_at_micros = draft.occurred_at_micros};
      const SealedLine line = EncodeEvent(story.Next(draft.type, parts), hash);
      hash = line.hash;
      ASSERT_TRUE(ApplyLine(folded, line.body));
      story.Tell(draft.type, parts);
      ExpectNoNegativeTime(StateDocument(story));
      JobState same = folded;
      same.last_hash = story.state().last_hash;
      ASSERT_EQ(same, story.state());
      if (HasFailure()) FAIL() << "seed " << seed << ", event " << i << ": " << line.body;
    }
  }
}

}  // namespace
}  // namespace stagelog
