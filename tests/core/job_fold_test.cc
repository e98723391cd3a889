// That folding is total, trusts what the event carries, and is the same by every path.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/event_codec.h"
#include "core/job_machine.h"
#include "core/job_state_json.h"
#include "tests/core/job_story.h"
#include "tests/support/random_events.h"

namespace stagelog {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::StartsWith;

constexpr uint64_t kSeed = 20261121;

// --- Trust ---

TEST(ApplyTest, TrustsTheViolationsThatTheEventCarries) {
  JobState state = JobStory().Tell("job_created").state();
  Event event;
  event.draft = DraftOf("job_started");
  event.violations = {"a_rule_of_another_time"};
  Apply(state, event, "");
  EXPECT_EQ(state.status, JobStatus::kCreated) << "legal by today's rules, flagged by others";
  EXPECT_EQ(state.violation_count, 1);
  event.violations = {};
  Apply(state, event, "");
  EXPECT_EQ(state.status, JobStatus::kRunning);
  event.draft = DraftOf("stage_started", {.stage = "s"});
  Apply(state, event, "");
  Apply(state, event, "");
  EXPECT_EQ(state.stages.size(), 2u) << "illegal by today's rules, not flagged by others";
}

TEST(ApplyTest, CountsAnEventOnlyWhenAllItsCodesCount) {
  JobState state;
  Event event = JobStory().Next("stage_completed", {.stage = "s"});
  ASSERT_THAT(event.violations, ElementsAre("end_without_start"));
  event.violations.emplace_back("stage_over");
  Apply(state, event, "");
  EXPECT_THAT(state.stages, IsEmpty());
  EXPECT_EQ(state.violation_count, 2);
  EXPECT_EQ(state.job_seq, 1);
}

// As earlier versions wrote it.
TEST(ApplyTest, AnImplicitCreateOfEarlierVersionsIsAFactAndNoViolation) {
  Event event = JobStory().Next("stage_started", {.stage = "s"});
  ASSERT_THAT(event.violations, IsEmpty());
  JobState now;
  Apply(now, event, "");
  event.violations = {"implicit_create"};
  JobState then;
  Apply(then, event, "");
  EXPECT_EQ(then, now);
  EXPECT_EQ(now.violation_count, 0);
  EXPECT_TRUE(now.implicit_create);
  EXPECT_EQ(now.status, JobStatus::kRunning);
  EXPECT_FALSE(JobStory().Tell("job_created").state().implicit_create);
}

// What an earlier version has taken is folded by what it meant then.
TEST(ApplyTest, PayloadsThatWouldBeRefusedTodayFoldAsEver) {
  JobStory story;
  story.Tell("gate_pause",
             {.gate = "g", .payload = R"({"approver":"ann","approvers":[],"timeout_secs":5})"});
  EXPECT_THAT(story.violations(), ElementsAre("suspect_key")) << "sent again today";
  EXPECT_EQ(story.gate("g").status, GateStatus::kPending);
  EXPECT_THAT(story.gate("g").approvers, IsEmpty());
  EXPECT_EQ(story.gate("g").ExpiresAtMicros(), 0);
  story = JobStory();
  story.Tell("job_created", {.payload = R"({"labels":{"team":"film","n":7,"a b":"x","e":""}})"});
  EXPECT_EQ(story.state().labels, (Labels{{"team", "film"}}));
}

TEST(ApplyTest, NamesWhatItChanged) {
  JobStory story;
  story.Tell("job_created")
      .Tell("stage_started", {.stage = "one"})
      .Tell("stage_started", {.stage = "two"})
      .Tell("gate_pause", {.gate = "g"});
  EXPECT_THAT(story.changes().gates, ElementsAre(0u));
  EXPECT_THAT(story.changes().stages, IsEmpty());
  story.Tell("stage_progress", {.stage = "two"});
  EXPECT_THAT(story.changes().stages, ElementsAre(1u));
  story.Tell("job_failed");
  EXPECT_THAT(story.changes().stages, ElementsAre(0u, 1u));
  EXPECT_THAT(story.changes().gates, ElementsAre(0u));
}

// Indexes of `now` where it says something else than `before`.
template <typename Item>
std::vector<size_t> Differences(const std::vector<Item>& before, const std::vector<Item>& now) {
  std::vector<size_t> indexes;
  for (size_t i = 0; i < now.size(); ++i) {
    if (i >= before.size() || before[i] != now[i]) indexes.push_back(i);
  }
  return indexes;
}

// True when more than the counters says something else.
bool JobDiffers(JobState before, JobState now) {
  for (JobState* state : {&before, &now}) {
    state->job_seq = state->as_of_seq = state->updated_at_micros = state->violation_count = 0;
    state->latest_micros = 0;
    state->last_hash.clear();
  }
  return before != now;
}

// What is written to the tables by these changes alone is the whole state.
TEST(ApplyTest, NamesEveryChange) {
  RandomEvents events(kSeed, {"a"});
  JobStory story;
  for (int i = 0; i < 3'000; ++i) {
    const JobState before = story.state();
    const EventDraft draft = events.Next();
    story.Tell(draft.type, {.stage = draft.stage,
                            .gate = draft.gate,
                            .attempt = draft.attempt,
                            .message = draft.message,
                            .payload = draft.payload});
    EXPECT_THAT(story.changes().stages,
                IsSupersetOf(Differences(before.stages, story.state().stages)))
        << draft.type;
    EXPECT_THAT(story.changes().gates, IsSupersetOf(Differences(before.gates, story.state().gates)))
        << draft.type;
    EXPECT_TRUE(before.job_seq == 0 || story.changes().job || !JobDiffers(before, story.state()))
        << draft.type;
    if (HasFailure()) return;
    if (story.state().IsTerminal() && events.Happens(20)) story.Tell("job_resumed");
    if (story.state().status == JobStatus::kCompleted) story = JobStory();
  }
}

TEST(ApplyTest, RemarksAndWhatIsIllegalDoNotChangeTheJob) {
  JobStory story;
  EXPECT_TRUE(story.Tell("job_created").changes().job);
  EXPECT_TRUE(story.Tell("stage_progress", {.stage = "s"}).changes().job);
  for (const char* type : {"log", "x-note", "job_created", "gate_approved"}) {
    EXPECT_FALSE(story.Tell(type, {.gate = "g", .message = "m"}).changes().job) << type;
  }
}

// --- Totality ---

const std::vector<std::string> kCodes = [] {
  std::vector<std::string> codes = {"a_rule_of_another_time", ""};
  for (const ViolationTraits& row : AllViolations()) codes.emplace_back(row.code);
  return codes;
}();

// As no journal of ours writes them: violations at random, places and times in any order.
Event HostileEvent(RandomEvents& events) {
  Event event;
  event.draft = events.NextOf("a");
  event.draft.event_id = "e";
  event.seq = static_cast<int64_t>(events.Below(1'000'000'000)) + 1;
  event.job_seq = static_cast<int64_t>(events.Below(1'000'000));
  event.ts_micros = JobStory::kStartMicros + static_cast<int64_t>(events.Below(1u << 31));
  event.draft.occurred_at_micros = event.ts_micros;
  while (events.Happens(20)) event.violations.push_back(kCodes[events.Below(kCodes.size())]);
  return event;
}

TEST(ApplyTest, AnyEventWithAnyViolationsIsFoldedIntoAnyState) {
  RandomEvents events(kSeed);
  for (int job = 0; job < 40; ++job) {
    JobState state;
    for (int i = 0; i < 150; ++i) {
      Apply(state, HostileEvent(events), "hash");
      static_cast<void>(Judge(state, events.NextOf("a")));
    }
    EXPECT_FALSE(EncodeJobState(state).empty());
    EXPECT_TRUE(DecodeSnapshot(EncodeSnapshot(state)));
  }
}

TEST(ApplyTest, APayloadThatIsNoObjectIsPassedOver) {
  for (const char* payload : {"[1]", "7", "nonsense", "{\"current\":", "\xff\xfe", "null"}) {
    JobStory story;
    story.Tell("job_created", {.payload = payload})
        .Tell("stage_progress", {.stage = "s", .payload = payload})
        .Tell("gate_pause", {.gate = "g", .payload = payload})
        .Tell("gate_approved", {.gate = "g", .payload = payload});
    EXPECT_EQ(story.state().status, JobStatus::kCreated) << payload;
    EXPECT_EQ(story.gate("g").status, GateStatus::kApproved) << payload;
  }
}

// --- Lines ---

// A job's life as lines of events.jsonl, with the state that folding the events gives.
struct Journal {
  std::vector<std::string> lines;
  JobState state;
};

Journal RandomJournal(uint64_t seed, int count) {
  RandomEvents events(seed, {"a"});
  Journal journal;
  for (int i = 0; i < count; ++i) {
    Event event;
    event.draft = events.Next();
    event.seq = journal.state.as_of_seq + 1 + static_cast<int64_t>(events.Below(3));
    event.job_seq = journal.state.job_seq + 1;
    event.ts_micros = JobStory::kStartMicros + event.seq * 250'001;
    event.draft.event_id = "e-" + std::to_string(i);
    event.draft.occurred_at_micros = event.ts_micros;
    JudgeEvent(journal.state, event);
    const SealedLine line = EncodeEvent(event, journal.state.last_hash);
    Apply(journal.state, event, line.hash);
    journal.lines.push_back(line.body);
  }
  return journal;
}

TEST(ApplyLineTest, EqualsApply) {
  for (uint64_t seed = kSeed; seed < kSeed + 5; ++seed) {
    const Journal journal = RandomJournal(seed, 600);
    JobState state;
    for (const std::string& line : journal.lines) EXPECT_TRUE(ApplyLine(state, line)) << line;
    EXPECT_EQ(state, journal.state) << "seed " << seed;
    EXPECT_EQ(EncodeJobState(state), EncodeJobState(journal.state)) << "seed " << seed;
  }
}

TEST(ApplyLineTest, NamesTheSameChanges) {
  const Journal journal = RandomJournal(kSeed, 300);
  JobState by_line;
  JobState by_event;
  for (const std::string& line : journal.lines) {
    StateChanges of_line;
    StateChanges of_event;
    ApplyLine(by_line, line, &of_line);
    Apply(by_event, *DecodeStoredEvent(line), StoredHash(line), &of_event);
    EXPECT_EQ(of_line.stages, of_event.stages) << line;
    EXPECT_EQ(of_line.gates, of_event.gates) << line;
  }
}

TEST(ApplyLineTest, ALineThatWasCutAnywhereChangesNothing) {
  const Journal journal = RandomJournal(kSeed, 80);
  JobState state;
  for (const std::string& line : journal.lines) {
    const JobState before = state;
    for (size_t size = 0; size < line.size(); ++size) {
      EXPECT_FALSE(ApplyLine(state, line.substr(0, size))) << line.substr(0, size);
    }
    EXPECT_EQ(state, before);
    if (HasFailure()) return;
    ApplyLine(state, line);
  }
}

TEST(ApplyLineTest, ADamagedLineCrashesNobody) {
  Journal journal = RandomJournal(kSeed, 40);
  RandomEvents random(kSeed);
  JobState state;
  ApplyLine(state, journal.lines[0]);
  for (int i = 0; i < 5'000; ++i) {
    std::string line = journal.lines[random.Below(journal.lines.size())];
    for (uint64_t flips = 1 + random.Below(3); flips > 0; --flips) {
      line[random.Below(line.size())] = static_cast<char>(random.Below(256));
    }
    static_cast<void>(ApplyLine(state, line));
  }
  EXPECT_THAT(EncodeJobState(state), StartsWith("{\"job_id\":\"a\","));
  for (const char* line :
       {"", "{", "{}", "[]", "null", "{\"seq\":", "\"", "{\"\":\"\"}", "{\"a\""}) {
    EXPECT_FALSE(ApplyLine(state, line)) << line;
  }
}

TEST(ApplyLineTest, AnotherSpellingOfARemarkIsARemark) {
  JobStory story;
  story.Tell("job_created");
  for (const char* type : {"log", "x-note"}) {
    const Event event = story.Next(type, {.stage = "s", .message = "\"type\":\"job_failed\""});
    const SealedLine line = EncodeEvent(event, story.state().last_hash);
    JobState by_line = story.state();
    JobState by_event = story.state();
    EXPECT_TRUE(ApplyLine(by_line, line.body));
    Apply(by_event, event, line.hash);
    EXPECT_EQ(by_line, by_event);
  }
}

// --- Snapshots ---

TEST(SnapshotTest, FoldingGoesOnFromItAsIfNothingHadHappened) {
  const Journal journal = RandomJournal(kSeed + 7, 500);
  JobState state;
  for (const std::string& line : journal.lines) {
    ApplyLine(state, line);
    const std::string text = EncodeSnapshot(state);
    std::optional<JobState> copy = DecodeSnapshot(text);
    ASSERT_TRUE(copy) << text;
    ASSERT_EQ(*copy, state) << line;
    ASSERT_EQ(EncodeSnapshot(*copy), text);
    state = std::move(*copy);
  }
  EXPECT_EQ(state, journal.state);
}

}  // namespace
}  // namespace stagelog
