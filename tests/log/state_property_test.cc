// Whatever is appended in whatever order: the state that the journal serves live is the one that
// anybody folds offline from events.jsonl, and the one that it makes anew after any loss.
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/random_events.h"
#include "tests/support/sanitizer.h"

namespace stagelog {
namespace {

using ::testing::IsEmpty;

// The document and everything behind it, byte for byte.
std::string TextOf(const JobState& state) {
  return EncodeJobState(state) + "\n" + EncodeSnapshot(state);
}

using States = std::map<std::string, std::string>;  // by job

class StatePropertyTest : public JournalTest {
 protected:
  static constexpr const char* kStrictJob = "strict";

  void Begin(uint64_t seed) {
    events_.emplace(seed, std::vector<std::string>{"a", "b", "c", "d", "e", "f"});
    events_->TellTimesAround(clock_.WallMicros());
    Open();
    EventDraft strict = TypedDraft(kStrictJob, "job_created");
    strict.payload = R"({"strict":true})";
    ASSERT_TRUE(Append(std::move(strict)));
  }

  void PassTime() { clock_.AdvanceMicros(static_cast<int64_t>(events_->Below(3'000'000))); }

  // A draft that may be known to the journal already, with the same content or with another.
  EventDraft NextDraft() {
    EventDraft draft = events_->Next();
    if (!sent_.empty() && events_->Happens(3)) return sent_[events_->Below(sent_.size())];
    if (!sent_.empty() && events_->Happens(1)) {
      const EventDraft& other = sent_[events_->Below(sent_.size())];
      draft.event_id = other.event_id;
      draft.job_id = other.job_id;
      return draft;
    }
    if (!events_->Happens(20)) return draft;
    draft.event_id = "id-" + std::to_string(sent_.size());
    sent_.push_back(draft);
    return draft;
  }

  // One request of up to `most` events of any jobs. It may be refused.
  AppendOutcome AppendSome(size_t most) {
    PassTime();
    std::vector<EventDraft> drafts;
    for (size_t count = 1 + events_->Below(most); count > 0; --count) drafts.push_back(NextDraft());
    return Append(std::move(drafts));
  }

  void AppendToStrictJob() {
    EventDraft draft = events_->NextOf(kStrictJob);
    if (draft.kind == EventType::kJobCompleted) return;
    const auto before = logger_->reader().FindJob(kStrictJob);
    const bool is_legal = Judge(**before, draft).empty();
    EXPECT_EQ(Append(std::move(draft)).has_value(), is_legal);
  }

  void AppendMany(size_t requests) {
    for (size_t i = 0; i < requests; ++i) {
      static_cast<void>(AppendSome(events_->Happens(10) ? 60 : 8));
      if (events_->Happens(30)) AppendToStrictJob();
    }
  }

  std::vector<JobListing> ListedJobs() {
    return logger_->reader().ListJobs({.limit = 1'000}).value();
  }

  std::vector<std::string> Jobs() {
    std::vector<std::string> jobs;
    for (const JobListing& job : ListedJobs()) jobs.push_back(job.job_id);
    return jobs;
  }

  size_t CountEvents() {
    size_t count = 0;
    for (const std::string& job : Jobs()) count += Bodies(job).size();
    return count;
  }

  JobState Find(const std::string& job_id, int64_t through_seq = INT64_MAX) {
    const auto state = logger_->reader().FindJob(job_id, through_seq);
    EXPECT_TRUE(state && *state) << job_id << " at " << through_seq;
    return state && *state ? **state : JobState();
  }

  States Live() {
    States states;
    for (const std::string& job : Jobs()) states[job] = TextOf(Find(job));
    return states;
  }

  JobState FoldFile(const std::string& job_id) const {
    JobState state;
    for (const std::string& line : FileLines(job_id)) EXPECT_TRUE(ApplyLine(state, line)) << line;
    return state;
  }

  States Offline() {
    States states;
    for (const std::string& job : Jobs()) states[job] = TextOf(FoldFile(job));
    return states;
  }

  void RemoveDatabase() {
    for (const char* part : {"", "-wal", "-shm"}) {
      std::filesystem::remove(DatabasePath(runs_) + part);
    }
  }

  // Every row says what folding the files says.
  void ExpectRows() {
    std::map<int64_t, std::string> jobs;
    std::map<int64_t, std::string> gates;
    for (const std::string& job : Jobs()) {
      const JobState state = FoldFile(job);
      jobs[state.first_seq] = EncodeJobSummary(state, state.Done());
      for (const GateState& gate : state.gates) {
        gates[gate.opened_seq] = EncodeGateIteration(job, gate);
      }
      ExpectStageRows(state);
    }
    std::map<int64_t, std::string> listed_jobs;
    for (const JobListing& job : ListedJobs()) {
      listed_jobs[job.first_seq] = job.summary;
      EXPECT_EQ(job.is_over, Find(job.job_id).IsTerminal());
    }
    EXPECT_EQ(listed_jobs, jobs);
    std::map<int64_t, std::string> listed_gates;
    const auto all_gates = logger_->reader().ListGates({.limit = 100'000});
    ASSERT_TRUE(all_gates);
    for (const GateListing& gate : *all_gates) {
      listed_gates[gate.opened_seq] = gate.document;
    }
    EXPECT_EQ(listed_gates, gates);
  }

  void ExpectStageRows(const JobState& state) {
    std::map<std::pair<std::string, int64_t>, const StageState*> attempts;
    for (const StageState& stage : state.stages) attempts[{stage.path, stage.attempt}] = &stage;
    EXPECT_EQ(attempts.size(), state.stages.size()) << "every attempt has a number of its own";
    SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READWRITE, 5'000,
                              files_.SqliteVfs());
    SQLite::Statement rows(database,
                           "SELECT stage, attempt, status, started_at, coalesce(ended_at, 0), "
                           "percent FROM stages WHERE job = ? ORDER BY stage, attempt");
    rows.bind(1, state.first_seq);
    auto expected = attempts.begin();
    for (; rows.executeStep(); ++expected) {
      ASSERT_NE(expected, attempts.end());
      const StageState& stage = *expected->second;
      EXPECT_EQ(rows.getColumn(0).getString(), stage.path);
      EXPECT_EQ(rows.getColumn(1).getInt64(), stage.attempt);
      EXPECT_EQ(rows.getColumn(2).getString(), StatusName(stage.status));
      EXPECT_EQ(rows.getColumn(3).getInt64(), stage.started_micros);
      EXPECT_EQ(rows.getColumn(4).getInt64(), stage.ended_micros);
      EXPECT_EQ(rows.isColumnNull(5), !stage.progress.percent);
      EXPECT_EQ(rows.getColumn(5).getDouble(), stage.progress.percent.value_or(0));
    }
    EXPECT_EQ(expected, attempts.end());
  }

  // Live, offline and in the rows the same. Returns it.
  States ExpectOneState(const char* when) {
    SCOPED_TRACE(when);
    States live = Live();
    EXPECT_EQ(live, Offline());
    ExpectRows();
    return live;
  }

  // At every event of the job (or every so many), and at the seqs between it and the next one, the
  // state is the fold of the lines so far.
  void ExpectEveryPrefix(const std::string& job_id, size_t step = 1) {
    const std::vector<std::string> lines = FileLines(job_id);
    JobState folded;
    for (size_t i = 0; i < lines.size(); ++i) {
      ASSERT_TRUE(ApplyLine(folded, lines[i]));
      if (i % step != 0) continue;
      const int64_t seq = folded.as_of_seq;
      ASSERT_EQ(Find(job_id, seq), folded) << job_id << " after event " << i + 1;
      const int64_t next = i + 1 < lines.size() ? ViewEvent(lines[i + 1]).seq : seq + 1;
      if (next == seq + 1 || i % 7 != 0) continue;
      ASSERT_EQ(Find(job_id, next - 1), folded) << job_id << " just before event " << i + 2;
    }
    const auto before_the_first = logger_->reader().FindJob(job_id, folded.first_seq - 1);
    ASSERT_TRUE(before_the_first);
    EXPECT_FALSE(*before_the_first) << "before its first event there is no job";
  }

  std::optional<RandomEvents> events_;
  std::vector<EventDraft> sent_;  // with an event_id
};

class StatePropertySeedTest : public StatePropertyTest,
                              public ::testing::WithParamInterface<uint64_t> {};

TEST_P(StatePropertySeedTest, LiveOfflineAndAfterEveryLossTheSame) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  Begin(GetParam());
  AppendMany(350);
  const States live = ExpectOneState("live");
  EXPECT_EQ(live.size(), 7u);
  ExpectAgreement();
  Crash(GetParam());
  Open();
  EXPECT_EQ(ExpectOneState("after a crash"), live);
  AppendMany(20);
  const States grown = ExpectOneState("live after a crash");
  Close();
  RemoveDatabase();
  Open();
  EXPECT_EQ(ExpectOneState("after the loss of the database"), grown);
  Close();
  options_.rebuild_states = true;
  Open();
  EXPECT_EQ(ExpectOneState("folded anew"), grown);
  AppendMany(20);
  ExpectOneState("live after that");
}

INSTANTIATE_TEST_SUITE_P(Seeds, StatePropertySeedTest, ::testing::Values(1, 20261121, 987654321));

TEST_F(StatePropertyTest, EveryPrefixOfEveryJob) {
  Begin(4711);
  AppendMany(250);
  for (const std::string& job : Jobs()) ExpectEveryPrefix(job);
}

// A job long enough for several snapshots, written in requests small and large.
TEST_F(StatePropertyTest, EveryPrefixOfALongJob) {
  Begin(99);
  size_t count = 0;
  while (count < 2'600) {
    PassTime();
    std::vector<EventDraft> drafts;
    for (size_t left = 1 + events_->Below(90); left > 0; --left) {
      EventDraft draft = events_->NextOf(events_->Happens(90) ? "long" : "another");
      if (draft.kind == EventType::kJobCompleted) continue;
      if (draft.job_id == "long") ++count;
      drafts.push_back(std::move(draft));
    }
    if (drafts.empty()) continue;
    ASSERT_TRUE(Append(std::move(drafts)));
  }
  const JobState live = Find("long");
  ASSERT_GT(live.job_seq, 2'500);
  ExpectEveryPrefix("long", kSanitized ? 11 : 1);
  // A rebuild puts its snapshots at other events; what is asked of the past is the same.
  Close();
  RemoveDatabase();
  Open();
  EXPECT_EQ(TextOf(Find("long")), TextOf(live));
  ExpectEveryPrefix("long", 37);
}

TEST_F(StatePropertyTest, ACrashInTheMiddleOfABatchTakesAllOfItOrNothing) {
  constexpr size_t kBatch = 30;
  Begin(7);
  AppendMany(10);
  files_.ResetCounts();
  ASSERT_TRUE(Append(events_->Next()));
  const size_t steps = files_.OperationCount() + 4;
  for (size_t nth = 1; nth <= 3 * steps; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    const size_t before = CountEvents();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 50});
    std::vector<EventDraft> drafts;
    for (size_t i = 0; i < kBatch; ++i) drafts.push_back(events_->Next());
    const bool acknowledged = Append(std::move(drafts)).has_value();
    files_.Heal();
    Crash(nth);
    Open();
    ExpectOneState("after the crash");
    const size_t taken = CountEvents() - before;
    EXPECT_TRUE(taken == kBatch || (taken == 0 && !acknowledged)) << taken;
    ExpectAgreement();
    if (HasFailure()) return;
  }
}

TEST_F(StatePropertyTest, AStateThatIsAdvancedIsTheOneThatIsFoldedAnew) {
  Begin(31);
  std::map<std::string, JobState> followed;
  int64_t seen_seq = 0;
  for (int round = 0; round < 40; ++round) {
    AppendMany(5);
    const auto changed = logger_->reader().JobsChangedAfter(seen_seq);
    ASSERT_TRUE(changed);
    for (const std::string& job : *changed) {
      followed[job].job_id = job;
      StateChanges changes;
      ASSERT_TRUE(logger_->reader().AdvanceJob(followed[job], &changes));
    }
    seen_seq = logger_->GetStatus().head_seq;
  }
  EXPECT_THAT(*logger_->reader().JobsChangedAfter(seen_seq), IsEmpty());
  for (const std::string& job : Jobs()) EXPECT_EQ(followed[job], Find(job)) << job;
}

}  // namespace
}  // namespace stagelog
