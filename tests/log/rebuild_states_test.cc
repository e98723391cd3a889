// The rows of jobs, stages and gates are made anew when they cannot be right, or when they are
// asked to be.
#include <gmock/gmock.h>

#include <filesystem>

#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "tests/log/job_state_table_fixture.h"

namespace stagelog {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

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
      R"(UPDATE jobs SET labels = '{"a":"b"}' WHERE job_id = 'a')",
      "UPDATE jobs SET implicit = 1 WHERE job_id = 'a'",
      "UPDATE jobs SET done = 7 WHERE job_id = 'a'",
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

// Version 1 of the fold counted every time by ts, and had a schema without the column for it.
TEST_F(RebuildStatesTest, AJournalOfTheFoldByTsIsFoldedByWhenThingsHappened) {
  constexpr int64_t kHour = 3'600'000'000;
  Open();
  const int64_t begin = clock_.WallMicros() - 10 * kHour;
  const auto tell = [&](const std::string& type, int64_t at_micros, const Parts& parts = {}) {
    EventDraft draft = Draft("late", type, parts);
    draft.occurred_at_micros = at_micros;
    ASSERT_TRUE(Append(std::move(draft)));
  };
  tell("job_created", begin);
  tell("stage_started", begin, {.stage = "s"});
  tell("stage_completed", begin + kHour, {.stage = "s"});
  tell("gate_pause", begin + kHour, {.gate = "g", .payload = R"({"timeout_seconds":60})"});
  tell("gate_rejected", begin + 2 * kHour, {.gate = "g"});
  tell("job_completed", begin + 3 * kHour);
  const JobState state = Find("late");
  EXPECT_EQ(state.created_at_micros, begin);
  EXPECT_EQ(state.ended_at_micros - state.created_at_micros, 3 * kHour);
  EXPECT_EQ(state.waited_micros, 2 * kHour);
  Close();
  // As version 1 had left them.
  Execute(
      "UPDATE jobs SET created_at = updated_at - 6, started_at = updated_at - 5, ended_at = "
      "updated_at, waited = 1 WHERE job_id = 'late'");
  Execute("UPDATE journal SET value = 1 WHERE key = 'state_version'");
  {
    SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READWRITE);
    database.exec(
        "ALTER TABLE jobs DROP COLUMN latest; ALTER TABLE jobs DROP COLUMN labels; "
        "ALTER TABLE jobs DROP COLUMN implicit; DROP TABLE job_events; "
        "DROP INDEX deleted_jobs_by_seq; ALTER TABLE deleted_jobs DROP COLUMN seq; "
        "CREATE INDEX events_by_job ON events(job); "
        "DELETE FROM journal WHERE key = 'tables_through'; PRAGMA user_version = 5");
  }
  const RecoveryReport report = Recover();
  EXPECT_TRUE(report.states_rebuilt && report.fold_version_changed);
  EXPECT_THAT(report.states_differed, ElementsAre("a", "b", "late")) << "all lacked the column";
  EXPECT_FALSE(Recover().states_rebuilt);
  Open();
  EXPECT_EQ(Find("late"), state);
  const auto listed = logger_->reader().ListJobs({.limit = 1});
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->front().summary, EncodeJobSummary(state, state.Done()));
  ExpectAgreement();
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
  EXPECT_THAT(Names(logger_->reader().ListGates({.statuses = {"pending"}})),
              ElementsAre("a/g@1504"));
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

}  // namespace
}  // namespace stagelog
