// A sound journal is sound in every state; each thing that can be wrong is told; nothing is
// changed.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "backup/integrity_check.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/time_units.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class IntegrityTest : public JournalTest {
 protected:
  IntegrityTest() { retention_.max_events_per_job = 3; }

  // "over" is mostly in its file alone, "running" runs, "deleted" was deleted. Closed.
  void TellAStory() {
    Open();
    for (int i = 0; i < 10; ++i) {
      for (const char* job : {"over", "deleted", "running"}) {
        ASSERT_TRUE(Log(job, "m" + std::to_string(i)));
      }
    }
    ASSERT_TRUE(Append(TypedDraft("over", "job_completed")));
    clock_.AdvanceMicros(2 * kMicrosPerHour);
    int64_t dropped = -1;
    archiver_->RunRetention(false, [&](const auto& report) { dropped = report->events_dropped; });
    while (dropped < 0) logger_->RunOnce(false);
    ASSERT_EQ(dropped, 8);
    bool done = false;
    logger_->DeleteJob("deleted", "tester", [&](const auto& gone) { done = gone.has_value(); });
    for (int i = 0; i < 50 && !done; ++i) logger_->RunOnce(false);
    ASSERT_TRUE(done);
    Close();
  }

  // Every file with its bytes and the time of its last change.
  using Folder = std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>>;
  Folder Everything() const {
    Folder folder;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(runs_)) {
      const std::string text = entry.is_regular_file() ? ReadAll(entry.path()) : "";
      folder[entry.path()] = {text, entry.last_write_time()};
    }
    return folder;
  }

  // What is wrong, "where: what"; fails the test where the check changed anything.
  std::vector<std::string> Findings() {
    const Folder before = Everything();
    std::vector<std::string> findings;
    summary_ =
        CheckIntegrity(files_, runs_, [&](const std::string& where, const std::string& what) {
          findings.push_back(where + ": " + what);
        });
    EXPECT_TRUE(Everything() == before) << "the check left its traces";
    EXPECT_TRUE(summary_) << summary_.error().message;
    if (summary_) {
      EXPECT_EQ(summary_->findings, static_cast<int64_t>(findings.size()));
    }
    return findings;
  }

  std::string Failure() {
    const auto summary = CheckIntegrity(files_, runs_, [](const auto&, const auto&) {});
    return summary ? "" : summary.error().message;
  }

  void Sql(const std::string& sql) {
    SQLite::Database database(runs_ + "/stagelog.db", SQLite::OPEN_READWRITE, 5'000,
                              files_.SqliteVfs());
    database.exec(sql);
  }

  void ReplaceInFile(const std::string& job_id, const std::string& from, const std::string& to) {
    std::string text = FileText(job_id);
    ASSERT_NE(text.find(from), std::string::npos);
    WriteFileText(job_id, text.replace(text.find(from), from.size(), to));
  }

  Result<IntegritySummary> summary_;
};

TEST_F(IntegrityTest, AClosedJournalIsSound) {
  TellAStory();
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_EQ(summary_->jobs, 2);
  EXPECT_EQ(summary_->events, 21);
}

// With a write-ahead log that holds it all, and a file with its lines.
TEST_F(IntegrityTest, SoIsOneAfterACrash) {
  TellAStory();
  Open();
  ASSERT_TRUE(Log("running", "then the power failed"));
  logger_->RunOnce(false);
  clock_.AdvanceMicros(options_.idle_sync_micros + 1);
  logger_->RunOnce(false);  // the file is synced
  Crash();
  ASSERT_GT(std::filesystem::file_size(runs_ + "/stagelog.db-wal"), 0U);
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_EQ(summary_->events, 22);
  Open();
  ExpectAgreement();
}

TEST_F(IntegrityTest, WhatACrashHasLeftIsTold) {
  TellAStory();
  Open();
  ASSERT_TRUE(Log("running", "this line is not synced"));
  Crash();
  EXPECT_THAT(Findings(), Contains(HasSubstr("running/events.jsonl: 1 events of the database")));
  Open();
  Close();
  EXPECT_THAT(Findings(), IsEmpty());
}

// The tables are as far as they were when the daemon was killed: that is no damage, and what they
// say is compared as of then.
TEST_F(IntegrityTest, TablesThatAreBehindAreSound) {
  TellAStory();
  options_.table_delay_micros = INT64_MAX / 4;
  Open();
  ASSERT_TRUE(Log("running", "more"));
  ASSERT_TRUE(Append(TypedDraft("over", "job_resumed")));
  ASSERT_TRUE(Append(TypedDraft("new", "job_started")));
  ASSERT_TRUE(Log("new", "more"));
  const std::string killed = directory_.Path("killed");
  std::filesystem::copy(runs_, killed, std::filesystem::copy_options::recursive);
  Close();
  runs_ = killed;
  EXPECT_EQ(Query("SELECT count(*) FROM jobs WHERE job_id = 'new'"), 0);
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_EQ(summary_->jobs, 3);
  EXPECT_EQ(summary_->events, 25);
  Sql("UPDATE jobs SET violations = 3 WHERE job_id = 'running'");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("a row (of the job, its stages or its gates) of "
                                                "job running does not match")));
  Sql("UPDATE jobs SET violations = 0 WHERE job_id = 'running'");
  Sql("DELETE FROM job_events WHERE seq = (SELECT max(seq) FROM job_events)");
  EXPECT_THAT(Findings(), Contains(HasSubstr("1 events are not listed by job")));
}

TEST_F(IntegrityTest, ADaemonIsNotDisturbed) {
  Open();
  ASSERT_TRUE(Log("job", "m"));
  EXPECT_THAT(Failure(), HasSubstr("is in use by stagelogd (pid "));
  EXPECT_TRUE(Log("job", "m"));
}

TEST_F(IntegrityTest, NoJournal) {
  EXPECT_THAT(Failure(), HasSubstr("no such folder"));
  std::filesystem::create_directory(runs_);
  EXPECT_THAT(Failure(), HasSubstr("not a journal folder"));
  EXPECT_TRUE(std::filesystem::is_empty(runs_));
}

TEST_F(IntegrityTest, ChangedLines) {
  TellAStory();
  ReplaceInFile("running", "\"m3\"", "\"X3\"");
  const std::vector<std::string> findings = Findings();
  EXPECT_THAT(findings, Contains(AllOf(HasSubstr("running/events.jsonl: line 4 (byte "),
                                       HasSubstr("changed"))));
  EXPECT_THAT(findings, Contains(HasSubstr("the database has different content for seq 12")));
  EXPECT_THAT(findings, Not(Contains(HasSubstr("over/"))));
}

TEST_F(IntegrityTest, ChangedLinesThatOnlyTheFileHas) {
  TellAStory();
  ReplaceInFile("over", "\"m3\"", "\"X3\"");
  EXPECT_THAT(Findings(), Contains(HasSubstr("the database has different content for seq 10")));
}

TEST_F(IntegrityTest, AMissingTailAndATornOne) {
  TellAStory();
  std::string text = FileText("running");
  text.resize(text.rfind('\n', text.size() - 2) + 1);
  WriteFileText("running", text);
  EXPECT_THAT(Findings(), ElementsAre("running/events.jsonl: 1 events of the database are missing "
                                      "from the file, first seq 30"));
  WriteFileText("running", text + "{\"seq\":30,\"jo");
  EXPECT_THAT(Findings(), Contains(HasSubstr("torn_tail")));
  std::filesystem::remove(FilePath("running"));
  EXPECT_THAT(Findings(), Contains("running/events.jsonl: missing"));
}

TEST_F(IntegrityTest, PlacesThatLeadElsewhere) {
  TellAStory();
  Sql("UPDATE file_events SET offset = offset + 1 WHERE seq = 4");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("the database expects seq 4 at byte")));
  Sql("UPDATE file_events SET offset = -1 WHERE seq = 4");
  EXPECT_THAT(Findings(), IsEmpty()) << "noted as lost, but there: the file was put back";
  Sql("DELETE FROM file_events WHERE seq = 4");
  EXPECT_THAT(Findings(), Contains(HasSubstr("the database has no event with seq 4")));
}

TEST_F(IntegrityTest, RowsThatSaySomethingElse) {
  TellAStory();
  Sql("UPDATE jobs SET status = 'failed' WHERE job_id = 'over'");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("of job over does not match its events")));
  Sql("UPDATE jobs SET status = 'completed' WHERE job_id = 'over'");
  EXPECT_THAT(Findings(), IsEmpty());
  Sql("UPDATE events SET ts = 1 WHERE seq = 30");
  EXPECT_THAT(Findings(), AllOf(Contains("stagelog.db: ts does not increase at seq 30"),
                                Contains(HasSubstr("with another job, job_seq or ts"))));
  Sql("DELETE FROM jobs WHERE job_id = 'running'");
  EXPECT_THAT(Findings(), AllOf(Contains("running/events.jsonl: the database has no such job"),
                                Contains("stagelog.db: 10 rows of events belong to no job")));
}

TEST_F(IntegrityTest, StagesAndGates) {
  Open();
  EventDraft stage = TypedDraft("job", "stage_started");
  stage.stage = "encode";
  ASSERT_TRUE(Append(stage));
  EventDraft gate = TypedDraft("job", "gate_pause");
  gate.gate = "publish";
  ASSERT_TRUE(Append(gate));
  Close();
  EXPECT_THAT(Findings(), IsEmpty());
  Sql("UPDATE gates SET status = 'approved'");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("of job job does not match its events")));
  Sql("UPDATE gates SET status = 'pending'");
  EXPECT_THAT(Findings(), IsEmpty());
  Sql("DELETE FROM stages");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("of job job does not match its events")));
}

TEST_F(IntegrityTest, ASnapshotThatWasForged) {
  TellAStory();
  Sql(R"(UPDATE snapshots SET state = replace(state, '"epoch":1', '"epoch":7'))");
  EXPECT_THAT(Findings(), Contains(HasSubstr("a snapshot of job over")));
}

TEST_F(IntegrityTest, DeletedJobs) {
  TellAStory();
  std::filesystem::create_directory(runs_ + "/deleted");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("deleted: the job was deleted, but its folder")));
  std::filesystem::remove(runs_ + "/deleted");
  const std::string path = runs_ + "/stagelog.deleted.jsonl";
  const std::string text = ReadAll(path);
  std::filesystem::remove(path);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("no entry for the deleted job deleted")));
  std::ofstream(path) << text << "nonsense\n";
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("contains an invalid line")));
  std::ofstream(path) << text;
  Sql("UPDATE deleted_jobs SET pending = 1");
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("job deleted is partly deleted")));
  Sql("DELETE FROM deleted_jobs");
  EXPECT_THAT(Findings(),
              Contains(HasSubstr("job deleted is deleted according to stagelog.deleted")));
}

TEST_F(IntegrityTest, Counters) {
  TellAStory();
  const std::string path = runs_ + "/journal.json";
  const std::string text = ReadAll(path);
  std::string other = text;
  ASSERT_NE(other.find(":32"), std::string::npos);
  other.replace(other.find(":32"), 3, ":31");
  std::ofstream(path) << other;
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("but the database contains seq"),
                                      HasSubstr("has highest_seq 31")));
  std::ofstream(path) << "{}";
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("journal.json is damaged")));
  std::filesystem::remove(path);
  EXPECT_THAT(Findings(), ElementsAre("journal.json: missing"));
}

TEST_F(IntegrityTest, ADamagedDatabase) {
  TellAStory();
  const std::string path = runs_ + "/stagelog.db";
  const std::string text = ReadAll(path);
  // All pages but the first.
  std::ofstream(path, std::ios::binary)
      << text.substr(0, 4096) + std::string(text.size() - 4096, '\x5a');
  EXPECT_THAT(Findings(), Contains(HasSubstr("stagelog.db: ")));
  std::ofstream(path, std::ios::binary) << std::string(text.size(), '\x5a');
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("stagelog.db: cannot read: ")));
  EXPECT_EQ(summary_->jobs, 2) << "the files are judged all the same";
  std::filesystem::remove(path);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("stagelog.db: missing")));
  EXPECT_EQ(summary_->events, 21);
}

TEST_F(IntegrityTest, AnotherVersion) {
  TellAStory();
  Sql("PRAGMA user_version = 99");
  EXPECT_THAT(Failure(), HasSubstr("has schema version 99"));
}

}  // namespace
}  // namespace stagelog
