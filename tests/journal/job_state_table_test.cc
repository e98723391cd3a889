// The rows that hold what the events add up to: written with the events, asked by filters, made
// anew when they cannot be right.
#include <gmock/gmock.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "tests/journal/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Parts {
  std::string stage;
  std::string gate;
  std::string message;
  std::string payload;
};

EventDraft Draft(const std::string& job_id, const std::string& type, const Parts& parts = {}) {
  EventDraft draft = TypedDraft(job_id, type);
  draft.stage = parts.stage;
  draft.gate = parts.gate;
  draft.message = parts.message;
  draft.payload = parts.payload;
  return draft;
}

class JobStateTableTest : public JournalTest {
 protected:
  // Appends one event a second later.
  AppendOutcome Tell(const std::string& job_id, const std::string& type, const Parts& parts = {}) {
    clock_.AdvanceMicros(1'000'000);
    return Append(Draft(job_id, type, parts));
  }

  // On the database of a journal that is closed.
  void Execute(const std::string& sql) const {
    SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READWRITE);
    ASSERT_GT(database.exec(sql), 0) << sql;
  }

  // Opens and closes a journal that is closed.
  RecoveryReport Recover(bool rebuild_states = false) {
    const auto opened = OpenJournal(files_, clock_, runs_, false, rebuild_states);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? opened->report : RecoveryReport();
  }

  JobState Find(const std::string& job_id) {
    const auto state = logger_->reader().FindJob(job_id);
    EXPECT_TRUE(state && *state) << job_id;
    return state && *state ? **state : JobState();
  }

  std::vector<std::string> JobsOf(const JobListRequest& request) {
    const auto jobs = logger_->reader().ListJobs(request);
    EXPECT_TRUE(jobs);
    std::vector<std::string> ids;
    for (const JobListing& job : jobs.value()) ids.push_back(job.job_id);
    return ids;
  }

  // As "job/gate@opened_seq".
  static std::vector<std::string> Names(const Result<std::vector<GateListing>>& gates) {
    EXPECT_TRUE(gates);
    std::vector<std::string> names;
    for (const GateListing& gate : gates.value()) {
      names.push_back(gate.job_id + "/" + gate.gate + "@" + std::to_string(gate.opened_seq));
    }
    return names;
  }
};

// --- Made anew ---

class RebuildStatesTest : public JobStateTableTest {
 protected:
  // Job a with a bit of everything and more than a thousand events, job b beside it.
  void SetUp() override {
    Open();
    ASSERT_TRUE(Tell("a", "job_created", {.payload = R"({"pipeline":"film"})"}));
    ASSERT_TRUE(Tell("a", "stage_started", {.stage = "s"}));
    ASSERT_TRUE(Tell("a", "stage_progress", {.stage = "s", .payload = R"({"percent":40})"}));
    std::vector<EventDraft> drafts;
    for (int i = 0; i < 1'100; ++i) drafts.push_back(LogDraft("a", "m"));
    ASSERT_TRUE(Append(std::move(drafts)));
    ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g", .payload = R"({"timeout_seconds":60})"}));
    ASSERT_TRUE(Tell("b", "job_created"));
    ASSERT_TRUE(Tell("b", "stage_started", {.stage = "s"}));
    Close();
  }
};

TEST_F(RebuildStatesTest, RowsThatAreRightAreLeftAlone) {
  const RecoveryReport report = Recover();
  EXPECT_FALSE(report.states_rebuilt);
  EXPECT_THAT(report.states_differed, IsEmpty());
}

TEST_F(RebuildStatesTest, FoldingAnewNamesNobodyWhenNothingDiffers) {
  for (int round = 0; round < 2; ++round) {
    const RecoveryReport report = Recover(true);
    EXPECT_TRUE(report.states_rebuilt);
    EXPECT_THAT(report.states_differed, IsEmpty());
  }
}

TEST_F(RebuildStatesTest, FoldingAnewNamesTheJobWhoseRowsSaidSomethingElse) {
  const std::string of_a = " WHERE job = (SELECT first_seq FROM jobs WHERE job_id = 'a')";
  const std::vector<std::string> tampering = {
      "UPDATE jobs SET status = 'completed' WHERE job_id = 'a'",
      "UPDATE jobs SET job_seq = job_seq - 1 WHERE job_id = 'a'",
      "UPDATE jobs SET violations = 7 WHERE job_id = 'a'",
      "UPDATE jobs SET created_at = created_at - 1 WHERE job_id = 'a'",
      "UPDATE jobs SET updated_at = updated_at + 1 WHERE job_id = 'a'",
      "UPDATE jobs SET pipeline = 'etl' WHERE job_id = 'a'",
      "UPDATE jobs SET reason = '' WHERE job_id = 'a'",
      "UPDATE jobs SET last_hash = 'f' WHERE job_id = 'a'",
      "UPDATE jobs SET done = NULL WHERE job_id = 'a'",
      "UPDATE stages SET status = 'completed'" + of_a,
      "UPDATE stages SET percent = 41" + of_a,
      "DELETE FROM stages" + of_a,
      "INSERT INTO stages SELECT job, 'ghost', 1, 'running', 1, NULL, NULL FROM stages" + of_a,
      "UPDATE gates SET status = 'approved'" + of_a,
      "UPDATE gates SET expires_at = NULL" + of_a,
      "UPDATE gates SET document = '{}'" + of_a,
      "DELETE FROM gates" + of_a,
      "UPDATE snapshots SET state = replace(state, 'film', 'etl')" + of_a,
      "UPDATE snapshots SET state = replace(state, '40', '41')" + of_a,
  };
  for (const std::string& sql : tampering) {
    SCOPED_TRACE(sql);
    Execute(sql);
    EXPECT_THAT(Recover(true).states_differed, ElementsAre("a"));
    EXPECT_THAT(Recover(true).states_differed, IsEmpty()) << "it was mended";
    Open();
    ExpectAgreement();
    EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"pending"}})),
                ElementsAre("a/g@1104"));
    Close();
  }
}

TEST_F(RebuildStatesTest, RowsOfAnotherFoldAreMadeAnewAtTheNextOpen) {
  for (const char* sql : {"UPDATE journal SET value = 0 WHERE key = 'state_version'",
                          "UPDATE journal SET value = 99 WHERE key = 'state_version'",
                          "DELETE FROM journal WHERE key = 'state_version'"}) {
    Execute(sql);
    Execute("UPDATE jobs SET status = 'failed' WHERE job_id = 'b'");
    const RecoveryReport report = Recover();
    EXPECT_TRUE(report.states_rebuilt) << sql;
    EXPECT_THAT(report.states_differed, ElementsAre("b")) << sql;
    EXPECT_FALSE(Recover().states_rebuilt) << sql;
  }
}

TEST_F(RebuildStatesTest, RowsThatDoNotReachTheirJobsLastEventAreMadeAnewAtTheNextOpen) {
  for (const char* job : {"a", "b"}) {
    for (const char* set : {"last_seq = last_seq - 1", "job_seq = job_seq - 1"}) {
      Execute(std::string("UPDATE jobs SET status = 'failed', ") + set + " WHERE job_id = '" + job +
              "'");
      const RecoveryReport report = Recover();
      EXPECT_FALSE(report.states_rebuilt) << "the other job was left alone";
      EXPECT_THAT(report.states_differed, ElementsAre(job));
      EXPECT_THAT(Recover().states_differed, IsEmpty()) << "it was mended";
    }
  }
  Open();
  EXPECT_EQ(Find("a").status, JobStatus::kPaused);
  EXPECT_EQ(Find("b").status, JobStatus::kRunning);
  ExpectAgreement();
}

TEST_F(RebuildStatesTest, AJobsRowThatIsMissingIsMadeAnewAtTheNextOpen) {
  Open();
  const std::vector<JobState> before = {Find("a"), Find("b")};
  Close();
  for (const char* job : {"a", "b"}) {
    Execute(std::string("DELETE FROM jobs WHERE job_id = '") + job + "'");
    const RecoveryReport report = Recover();
    EXPECT_THAT(report.states_differed, ElementsAre(job));
    EXPECT_THAT(report.set_aside, IsEmpty());
    EXPECT_EQ(report.lines_taken + report.lines_appended, 0);
  }
  Execute("DELETE FROM jobs");
  EXPECT_THAT(Recover().states_differed, ElementsAre("a", "b"));
  Open();
  EXPECT_THAT((std::vector<JobState>{Find("a"), Find("b")}), ElementsAreArray(before));
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"pending"}})),
              ElementsAre("a/g@1104"));
  ASSERT_TRUE(Tell("b", "stage_completed", {.stage = "s"}));
  ExpectAgreement();
}

TEST_F(RebuildStatesTest, ARowThatNamesAnotherJobIsMadeAnewAtTheNextOpen) {
  for (const char* sql : {"UPDATE jobs SET job_id = 'hijack' WHERE job_id = 'b'",
                          "UPDATE jobs SET first_seq = 99999999 WHERE job_id = 'b'",
                          "UPDATE jobs SET job_id = CASE job_id WHEN 'a' THEN 'x' ELSE 'a' END"}) {
    Execute(sql);
    const RecoveryReport report = Recover();
    EXPECT_THAT(report.states_differed, Contains("b")) << sql;
    EXPECT_THAT(report.set_aside, IsEmpty()) << sql;
    EXPECT_THAT(Recover().states_differed, IsEmpty()) << sql;
    Open();
    EXPECT_EQ(Find("b").status, JobStatus::kRunning) << sql;
    EXPECT_EQ(Find("a").status, JobStatus::kPaused) << sql;
    ExpectAgreement();
    Close();
  }
}

// As the journal was left by a program that let a job without its row begin again.
TEST_F(RebuildStatesTest, EventsWhoseJobHasBegunAgainDoNotKeepTheJournalClosed) {
  Execute("UPDATE events SET job = 1 WHERE seq = (SELECT max(seq) FROM events)");
  Open();
  EXPECT_EQ(Find("a").status, JobStatus::kPaused);
}

TEST_F(RebuildStatesTest, ASnapshotThatCannotBeReadIsPassedOver) {
  for (const char* state : {"nonsense", "{}", "[]", ""}) {
    Execute(std::string("UPDATE snapshots SET state = '") + state + "'");
    Open();
    ExpectAgreement();
    Close();
  }
}

TEST_F(RebuildStatesTest, MissingSnapshotsAreOnlySlower) {
  Execute("DELETE FROM snapshots");
  Open();
  ExpectAgreement();
  ASSERT_TRUE(Tell("a", "gate_approved", {.gate = "g"}));
  ExpectAgreement();
}

TEST_F(RebuildStatesTest, TheJournalGoesOnToServe) {
  Execute("UPDATE jobs SET status = 'completed' WHERE job_id = 'a'");
  options_.rebuild_states = true;
  Open();
  EXPECT_EQ(Find("a").status, JobStatus::kPaused);
  const AppendOutcome outcome = Tell("a", "gate_approved", {.gate = "g"});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->front().job_status, JobStatus::kRunning);
  ExpectAgreement();
}

// --- A database of the first version ---

// As that version made it.
constexpr const char* kSchemaOfVersion1 = R"sql(
CREATE TABLE journal(key TEXT PRIMARY KEY, value ANY) WITHOUT ROWID;
CREATE TABLE jobs(
  first_seq INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL UNIQUE,
  status TEXT NOT NULL,
  job_seq INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  violations INTEGER NOT NULL,
  last_hash TEXT NOT NULL,
  file_job_seq INTEGER,
  file_size INTEGER,
  file_mtime_ns INTEGER,
  file_inode INTEGER
);
CREATE TABLE events(
  seq INTEGER PRIMARY KEY,
  job INTEGER NOT NULL REFERENCES jobs(first_seq),
  job_seq INTEGER NOT NULL,
  ts INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE INDEX events_by_job ON events(job);
CREATE UNIQUE INDEX events_by_id ON events(job, event_id);
CREATE VIEW event_list AS
  SELECT seq, job_id, events.job_seq, json_extract(body, '$.ts') AS ts,
         json_extract(body, '$.type') AS type, json_extract(body, '$.stage') AS stage,
         json_extract(body, '$.level') AS level, json_extract(body, '$.message') AS message
  FROM events JOIN jobs ON jobs.first_seq = events.job;
PRAGMA user_version=1;
)sql";

class FirstVersionTest : public JobStateTableTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(runs_);
    database_.emplace(DatabasePath(runs_), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database_->exec(kSchemaOfVersion1);
    database_->exec("BEGIN");
  }

  void FinishDatabase() {
    database_->exec("COMMIT");
    database_.reset();
  }

  // Writes an event with the rows that version 1 kept. What it did not know, it did not flag.
  void Write(EventDraft draft) {
    Event event;
    event.draft = std::move(draft);
    event.seq = ++seq_;
    event.job_seq = state_.job_seq + 1;
    event.ts_micros = clock_.WallMicros() + seq_;
    event.draft.event_id = "id-" + std::to_string(seq_);
    event.draft.occurred_at_micros = event.ts_micros;
    const SealedLine line = EncodeEvent(event, state_.last_hash);
    Apply(state_, event, line.hash);
    WriteRows(event, line);
  }

  void WriteRows(const Event& event, const SealedLine& line) {
    SQLite::Statement job(*database_,
                          "REPLACE INTO jobs(first_seq, job_id, status, job_seq, last_seq, "
                          "created_at, updated_at, violations, last_hash) "
                          "VALUES (1, 'a', 'running', ?, ?, ?, ?, 0, ?)");
    job.bind(1, event.job_seq);
    job.bind(2, event.seq);
    job.bind(3, state_.created_at_micros);
    job.bind(4, event.ts_micros);
    job.bind(5, line.hash);
    job.exec();
    SQLite::Statement insert(*database_, "INSERT INTO events VALUES (?, 1, ?, ?, ?, ?)");
    insert.bind(1, event.seq);
    insert.bind(2, event.job_seq);
    insert.bind(3, event.ts_micros);
    insert.bind(4, event.draft.event_id);
    insert.bind(5, line.body);
    insert.exec();
  }

  std::optional<SQLite::Database> database_;
  JobState state_;
  int64_t seq_ = 0;
};

TEST_F(FirstVersionTest, IsBroughtUpToDateAndFolded) {
  Write(Draft("a", "job_created", {.payload = R"({"pipeline":"film","stages":["s","t"]})"}));
  Write(Draft("a", "stage_started", {.stage = "s"}));
  for (int i = 0; i < 1'500; ++i) Write(LogDraft("a", "m"));
  Write(Draft("a", "stage_completed", {.stage = "s"}));
  Write(Draft("a", "gate_pause", {.gate = "g", .payload = R"({"timeout_seconds":60})"}));
  FinishDatabase();
  const RecoveryReport report = Recover();
  EXPECT_TRUE(report.states_rebuilt);
  EXPECT_THAT(report.states_differed, ElementsAre("a"));
  EXPECT_FALSE(Recover().states_rebuilt);
  Open();
  EXPECT_EQ(Find("a"), state_);
  EXPECT_EQ(Find("a").status, JobStatus::kPaused);
  EXPECT_THAT(Names(logger_->reader().ExpiringGates(10)), ElementsAre("a/g@1504"));
  ASSERT_TRUE(Tell("a", "gate_approved", {.gate = "g"}));
  EXPECT_EQ(Find("a").status, JobStatus::kRunning);
  ExpectAgreement();
}

TEST_F(FirstVersionTest, WithoutEventsThereIsNothingToFold) {
  FinishDatabase();
  EXPECT_FALSE(Recover().states_rebuilt);
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ExpectAgreement();
}

// --- Listing jobs ---

class ListJobsTest : public JobStateTableTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Tell("render-1", "job_created", {.payload = R"({"pipeline":"film"})"}));
    ASSERT_TRUE(Tell("render-2", "job_created", {.payload = R"({"pipeline":"Film 2"})"}));
    ASSERT_TRUE(Tell("etl-1", "job_created", {.payload = R"({"pipeline":"etl"})"}));
    ASSERT_TRUE(Tell("etl-2", "job_started"));
    ASSERT_TRUE(Tell("render-1", "job_failed", {.message = "Out of memory"}));
    ASSERT_TRUE(Tell("etl-1", "gate_pause", {.gate = "review"}));
  }
};

TEST_F(ListJobsTest, TheYoungestJobFirst) {
  EXPECT_THAT(JobsOf({}), ElementsAre("etl-2", "etl-1", "render-2", "render-1"));
}

TEST_F(ListJobsTest, ByStatus) {
  EXPECT_THAT(JobsOf({.statuses = {"created"}}), ElementsAre("render-2"));
  EXPECT_THAT(JobsOf({.statuses = {"failed", "paused"}}), ElementsAre("etl-1", "render-1"));
  EXPECT_THAT(JobsOf({.statuses = {"completed"}}), IsEmpty());
}

TEST_F(ListJobsTest, ByPipelineExactly) {
  EXPECT_THAT(JobsOf({.pipelines = {"film"}}), ElementsAre("render-1"));
  EXPECT_THAT(JobsOf({.pipelines = {"film", "etl"}}), ElementsAre("etl-1", "render-1"));
  EXPECT_THAT(JobsOf({.pipelines = {"'; DROP TABLE jobs; --", "\"]"}}), IsEmpty());
}

TEST_F(ListJobsTest, ByTextInIdPipelineAndReasonWhateverTheCase) {
  EXPECT_THAT(JobsOf({.text = "ETL-"}), ElementsAre("etl-2", "etl-1"));
  EXPECT_THAT(JobsOf({.text = "fILM"}), ElementsAre("render-2", "render-1"));
  EXPECT_THAT(JobsOf({.text = "out of MEMORY"}), ElementsAre("render-1"));
  EXPECT_THAT(JobsOf({.text = "review is pending"}), ElementsAre("etl-1"));
  EXPECT_THAT(JobsOf({.text = "%"}), IsEmpty());
}

TEST_F(ListJobsTest, ByTheTimeOfTheLastEventExclusively) {
  const int64_t created = Find("etl-2").updated_at_micros;
  EXPECT_THAT(JobsOf({.updated_after_micros = created}), ElementsAre("etl-1", "render-1"));
  EXPECT_THAT(JobsOf({.updated_after_micros = created - 1}),
              ElementsAre("etl-2", "etl-1", "render-1"));
}

TEST_F(ListJobsTest, AllConditionsAtOnce) {
  EXPECT_THAT(JobsOf({.statuses = {"failed", "created"}, .pipelines = {"film"}, .text = "memory"}),
              ElementsAre("render-1"));
}

TEST_F(ListJobsTest, PagesFollowEachOtherWithoutLossThoughJobsCome) {
  EXPECT_THAT(JobsOf({.limit = 2}), ElementsAre("etl-2", "etl-1"));
  const int64_t cursor = Find("etl-1").first_seq;
  ASSERT_TRUE(Tell("a-new-one", "job_created"));
  EXPECT_THAT(JobsOf({.before_first_seq = cursor, .limit = 2}),
              ElementsAre("render-2", "render-1"));
  EXPECT_THAT(JobsOf({.before_first_seq = Find("render-1").first_seq}), IsEmpty());
}

TEST_F(ListJobsTest, EachWithItsSummary) {
  const auto jobs = logger_->reader().ListJobs({.limit = 10});
  ASSERT_TRUE(jobs);
  for (const JobListing& job : *jobs) {
    const JobState state = Find(job.job_id);
    EXPECT_EQ(job.summary, EncodeJobSummary(state, state.Done()));
    EXPECT_EQ(job.first_seq, state.first_seq);
    EXPECT_EQ(job.is_over, job.job_id == "render-1");
  }
}

// --- Listing gates ---

class ListGatesTest : public JobStateTableTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g"}));
    ASSERT_TRUE(Tell("a", "gate_rejected", {.gate = "g"}));
    ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g", .payload = R"({"timeout_seconds":600})"}));
    ASSERT_TRUE(Tell("b", "gate_pause",
                     {.gate = "h", .payload = R"({"timeout_seconds":60,"on_timeout":"approve"})"}));
    ASSERT_TRUE(Tell("b", "gate_pause", {.gate = "i"}));
  }
};

TEST_F(ListGatesTest, EveryIterationInTheOrderOfItsOpening) {
  EXPECT_THAT(Names(logger_->reader().ListGates({})),
              ElementsAre("a/g@1", "a/g@3", "b/h@4", "b/i@5"));
}

TEST_F(ListGatesTest, ByStatus) {
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"pending"}})),
              ElementsAre("a/g@3", "b/h@4", "b/i@5"));
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"rejected", "expired"}})),
              ElementsAre("a/g@1"));
}

TEST_F(ListGatesTest, PagesFollowEachOther) {
  EXPECT_THAT(Names(logger_->reader().ListGates({.limit = 2})), ElementsAre("a/g@1", "a/g@3"));
  EXPECT_THAT(Names(logger_->reader().ListGates({.after_opened_seq = 3, .limit = 2})),
              ElementsAre("b/h@4", "b/i@5"));
}

TEST_F(ListGatesTest, EachWithItsDocument) {
  const auto gates = logger_->reader().ListGates({.after_opened_seq = 3, .limit = 1});
  ASSERT_TRUE(gates);
  const JobState job = Find("b");
  EXPECT_EQ(gates->front().document, EncodeGateIteration("b", *job.FindGate("h")));
  EXPECT_EQ(gates->front().on_timeout, "approve");
  EXPECT_EQ(gates->front().expires_at_micros, job.FindGate("h")->ExpiresAtMicros());
}

TEST_F(ListGatesTest, TheNextToExpireFirst) {
  EXPECT_THAT(Names(logger_->reader().ExpiringGates(10)), ElementsAre("b/h@4", "a/g@3"));
  EXPECT_THAT(Names(logger_->reader().ExpiringGates(1)), ElementsAre("b/h@4"));
  ASSERT_TRUE(Tell("b", "gate_approved", {.gate = "h"}));
  EXPECT_THAT(Names(logger_->reader().ExpiringGates(10)), ElementsAre("a/g@3"));
}

TEST_F(ListGatesTest, TheGatesOfAJobThatEndsExpireNoMore) {
  ASSERT_TRUE(Tell("a", "job_canceled"));
  EXPECT_THAT(Names(logger_->reader().ExpiringGates(10)), ElementsAre("b/h@4"));
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"canceled"}})), ElementsAre("a/g@3"));
}

// --- Following a job ---

TEST_F(JobStateTableTest, AdvancingNamesWhatHasChanged) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "one"}));
  ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g"}));
  JobState state;
  state.job_id = "a";
  StateChanges changes;
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_EQ(state, Find("a"));
  EXPECT_THAT(changes.stages, ElementsAre(0u));
  EXPECT_THAT(changes.gates, ElementsAre(0u));
  changes = {};
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "two"}));
  ASSERT_TRUE(Tell("a", "log", {.message = "m"}));
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_EQ(state, Find("a"));
  EXPECT_THAT(changes.stages, ElementsAre(1u));
  EXPECT_THAT(changes.gates, IsEmpty());
  changes = {};
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_THAT(changes.stages, IsEmpty());
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, nullptr));
}

TEST_F(JobStateTableTest, AdvancingFromASnapshotNamesEverything) {
  Open();
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "one"}));
  ASSERT_TRUE(Tell("a", "gate_pause", {.gate = "g"}));
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 1'200; ++i) drafts.push_back(LogDraft("a", "m"));
  ASSERT_TRUE(Append(std::move(drafts)));
  JobState state;
  state.job_id = "a";
  StateChanges changes;
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, &changes));
  EXPECT_EQ(state, Find("a"));
  EXPECT_TRUE(changes.job);
  EXPECT_THAT(changes.stages, ElementsAre(0u));
  EXPECT_THAT(changes.gates, ElementsAre(0u));
}

TEST_F(JobStateTableTest, AdvancingAnUnknownJobLeavesItAsItIs) {
  Open();
  JobState state;
  state.job_id = "nobody";
  ASSERT_TRUE(logger_->reader().AdvanceJob(state, nullptr));
  EXPECT_EQ(state.job_seq, 0);
  EXPECT_FALSE(*logger_->reader().FindJob("nobody"));
}

TEST_F(JobStateTableTest, TheJobsThatChangedAfterASeq) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("b", "job_created"));
  ASSERT_TRUE(Tell("a", "log", {.message = "m"}));
  EXPECT_THAT(*logger_->reader().JobsChangedAfter(0), ElementsAre("a", "b"));
  EXPECT_THAT(*logger_->reader().JobsChangedAfter(2), ElementsAre("a"));
  EXPECT_THAT(*logger_->reader().JobsChangedAfter(3), IsEmpty());
}

// --- The answer of an append ---

TEST_F(JobStateTableTest, AnAppendTellsTheStatusAfterIt) {
  Open();
  EXPECT_EQ(Tell("a", "log", {.message = "m"})->front().job_status, JobStatus::kCreated);
  EXPECT_EQ(Tell("a", "job_canceled")->front().job_status, JobStatus::kCanceled);
  EXPECT_EQ(Tell("a", "stage_progress", {.stage = "s"})->front().job_status, JobStatus::kCanceled)
      << "so a worker learns of it";
}

TEST_F(JobStateTableTest, EachEventOfABatchTellsItsJobsStatusAfterTheWholeBatch) {
  Open();
  const AppendOutcome outcome =
      Append({Draft("a", "job_created"), Draft("b", "job_started"), Draft("a", "job_started"),
              Draft("a", "gate_pause", {.gate = "g"})});
  ASSERT_TRUE(outcome);
  std::vector<std::string> told;
  for (const AppendedEvent& event : *outcome) {
    told.push_back(event.job_id + " " + std::string(StatusName(event.job_status)));
  }
  EXPECT_THAT(told, ElementsAre("a paused", "b running", "a paused", "a paused"));
}

TEST_F(JobStateTableTest, ADuplicateTellsTheStatusOfNow) {
  Open();
  EventDraft draft = LogDraft("a", "m", "id-1");
  ASSERT_TRUE(Append(draft));
  ASSERT_TRUE(Tell("a", "job_canceled"));
  const AppendOutcome outcome = Append(draft);
  ASSERT_TRUE(outcome->front().duplicate);
  EXPECT_EQ(outcome->front().job_status, JobStatus::kCanceled);
}

// --- Strict jobs ---

class StrictJobTest : public JobStateTableTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Append(Created()));
  }

  static EventDraft Created() {
    return Draft("a", "job_created", {.payload = R"({"strict":true})"});
  }

  void ExpectRefused(std::vector<EventDraft> drafts, std::optional<int64_t> line,
                     const std::string& why) {
    const JobState before = Find("a");
    const int64_t head_seq = logger_->GetStatus().head_seq;
    const AppendOutcome outcome = Append(std::move(drafts));
    ASSERT_FALSE(outcome) << why;
    EXPECT_EQ(outcome.error().code, "strict_violation");
    EXPECT_EQ(outcome.error().line, line);
    EXPECT_THAT(outcome.error().detail, HasSubstr(why));
    EXPECT_EQ(Find("a"), before);
    EXPECT_EQ(logger_->GetStatus().head_seq, head_seq);
  }
};

TEST_F(StrictJobTest, WhatIsIllegalIsRefusedAndChangesNothing) {
  ExpectRefused({Draft("a", "job_resumed")}, std::nullopt, "not_paused");
  ExpectRefused({Draft("a", "stage_progress", {.stage = "s", .payload = R"({"current":-1})"})},
                std::nullopt, "invalid_progress");
  ASSERT_TRUE(Tell("a", "job_started"));
  ASSERT_TRUE(Tell("a", "log", {.message = "m"}));
  EXPECT_EQ(Find("a").violation_count, 0);
  ExpectAgreement();
}

TEST_F(StrictJobTest, SoIsWhatWouldCountElsewhere) {
  ExpectRefused({Draft("a", "stage_completed", {.stage = "s"})}, std::nullopt, "end_without_start");
  ExpectRefused({Draft("a", "stage_progress", {.stage = "s"})}, std::nullopt,
                "progress_without_start");
}

TEST_F(StrictJobTest, OneOfABatchRefusesAllOfIt) {
  ExpectRefused({Draft("a", "job_started"), Draft("b", "job_created"),
                 Draft("a", "stage_started", {.stage = "s"}),
                 Draft("a", "stage_started", {.stage = "s"}), Draft("a", "job_completed")},
                4, "duplicate_start");
  EXPECT_FALSE(*logger_->reader().FindJob("b")) << "the other job of the batch was not created";
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "s"}));
  ASSERT_TRUE(Tell("b", "job_created"));
  ExpectAgreement();
}

TEST_F(StrictJobTest, WhatIsLegalOnlyByTheEventsBeforeItInTheBatchIsTaken) {
  EXPECT_TRUE(Append({Draft("a", "stage_started", {.stage = "s"}),
                      Draft("a", "stage_completed", {.stage = "s"}), Draft("a", "job_completed")}));
  EXPECT_EQ(Find("a").status, JobStatus::kCompleted);
  ExpectAgreement();
}

TEST_F(StrictJobTest, TheBatchThatCreatesItIsJudgedToo) {
  EventDraft created = Created();
  created.job_id = "b";
  AppendOutcome outcome = Append({created, Draft("b", "job_resumed")});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "strict_violation");
  EXPECT_FALSE(*logger_->reader().FindJob("b"));
  EXPECT_TRUE(Append({created, Draft("b", "job_started")}));
}

// The job's first event made it, and that is not strict: the job_created that comes after it is
// flagged, and what it says does not count.
TEST_F(StrictJobTest, AJobThatAnotherEventCreatedIsNotStrict) {
  EventDraft created = Created();
  created.job_id = "b";
  EXPECT_TRUE(Append({LogDraft("b", "m"), created, Draft("b", "job_resumed")}));
  const JobState state = Find("b");
  EXPECT_FALSE(state.strict);
  EXPECT_EQ(state.violation_count, 3);
}

TEST_F(StrictJobTest, ADuplicateIsNoViolation) {
  EventDraft started = Draft("a", "job_started");
  started.event_id = "id-1";
  ASSERT_TRUE(Append(started));
  const AppendOutcome again = Append({started, Draft("a", "log", {.message = "m"})});
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->front().duplicate);
}

// --- Refusals and the states that the writer keeps ---

TEST_F(JobStateTableTest, ARefusedRequestLeavesTheWritersStateAsItWas) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("a", "job_started"));
  EventDraft known = LogDraft("a", "m", "id-1");
  ASSERT_TRUE(Append(known));
  const Precondition never = [](const JobLookup& find) -> std::optional<Refusal> {
    EXPECT_EQ(find("a")->status, JobStatus::kRunning);
    return Refusal{.code = "never"};
  };
  for (int round = 0; round < 3; ++round) {
    EventDraft conflict = LogDraft("a", "another", "id-1");
    EXPECT_EQ(Append({Draft("a", "job_failed"), conflict}).error().code, "event_id_conflict");
    EXPECT_EQ(Append({Draft("a", "job_failed")}, never).error().code, "never");
    EXPECT_EQ(Find("a").status, JobStatus::kRunning);
  }
  const AppendOutcome outcome = Tell("a", "stage_started", {.stage = "s"});
  EXPECT_EQ(outcome->front().job_seq, 4);
  EXPECT_EQ(outcome->front().job_status, JobStatus::kRunning);
  EXPECT_EQ(Find("a").violation_count, 0);
  ExpectAgreement();
}

TEST_F(JobStateTableTest, AFailedCommitLeavesTheWritersStateAsItWas) {
  Open();
  ASSERT_TRUE(Tell("a", "job_created"));
  ASSERT_TRUE(Tell("a", "stage_started", {.stage = "s"}));
  const JobState before = Find("a");
  files_.Inject({.operation = Operation::kWrite, .path_contains = "stagelog.db"});
  EXPECT_FALSE(Tell("a", "job_failed"));
  files_.Heal();
  WaitForRetry();
  EXPECT_EQ(Find("a"), before);
  const AppendOutcome outcome = Tell("a", "stage_completed", {.stage = "s"});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->front().job_seq, 3);
  EXPECT_EQ(Find("a").violation_count, 0);
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
