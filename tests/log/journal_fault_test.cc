// What the journal does when the disk fails under it (guarantees 1, 6 and 8 in
// src/GUARANTEES.md).
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <random>
#include <set>

#include "core/event_codec.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;

class JournalFaultTest : public JournalTest {
 protected:
  // Sends events with ids one after the other, as an emitter that retries would, and remembers
  // which were acknowledged. Returns how many operations of the disk that took.
  void Work() {
    for (int i = 0; i < 6; ++i) {
      const std::string id = "id-" + std::to_string(next_++);
      const std::string job = i % 2 == 0 ? "even" : "odd";
      const AppendOutcome outcome = Log(job, "m", id);
      sent_.insert(job + "/" + id);
      if (outcome) acknowledged_.insert(job + "/" + id);
      if (!outcome) WaitForRetry();
    }
  }

  // Every acknowledged event is there once; nothing is there that was not sent.
  void ExpectPromises() {
    ExpectAgreement();
    std::multiset<std::string> there;
    for (const char* job : {"even", "odd"}) {
      for (const std::string& body : Bodies(job)) {
        there.insert(std::string(job) + "/" + std::string(ViewEvent(body).event_id));
      }
    }
    for (const std::string& event : acknowledged_) EXPECT_EQ(there.count(event), 1u) << event;
    for (const std::string& event : there) EXPECT_EQ(sent_.count(event), 1u) << event;
  }

  void ExpectAnnouncedInOrderOnce() {
    const std::vector<int64_t> seqs = listener_.Seqs();
    for (size_t i = 1; i < seqs.size(); ++i) EXPECT_LT(seqs[i - 1], seqs[i]);
  }

  int next_ = 0;
  std::set<std::string> sent_;
  std::set<std::string> acknowledged_;
};

TEST_F(JournalFaultTest, EachOperationFailsOnceInTurn) {
  Open();
  files_.ResetCounts();
  Work();
  const size_t operations = files_.OperationCount();
  ASSERT_GT(operations, 20u);
  Close();
  for (const int error_number : {EIO, ENOSPC}) {
    for (size_t nth = 1; nth <= operations + 5; ++nth) {
      SCOPED_TRACE("operation " + std::to_string(nth) + ", errno " + std::to_string(error_number));
      Open();
      files_.Inject({.nth = nth, .error_number = error_number});
      Work();
      files_.Heal();
      WaitForRetry();
      EXPECT_TRUE(Log("even", "after", "after-" + std::to_string(next_++)));
      sent_.insert("even/after-" + std::to_string(next_ - 1));
      ExpectPromises();
      ExpectAnnouncedInOrderOnce();
      listener_.batches.clear();
      Close();
      if (HasFailure()) return;
    }
  }
}

TEST_F(JournalFaultTest, ThePowerFailsAfterEachOperation) {
  Open();
  files_.ResetCounts();
  Work();
  const size_t operations = files_.OperationCount();
  Close();
  for (size_t nth = 1; nth <= operations + 5; ++nth) {
    SCOPED_TRACE("operation " + std::to_string(nth));
    Open();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    Work();
    files_.Heal();
    Crash(nth % 3 == 0 ? std::optional<uint64_t>() : nth);
    Open();
    ExpectPromises();
    Close();
    if (HasFailure()) return;
  }
}

TEST_F(JournalFaultTest, AcknowledgedEventsSurviveAPowerCut) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Open();
    Work();
    Crash(seed);
    Open();
    ExpectPromises();
    Close();
    if (HasFailure()) return;
  }
}

TEST_F(JournalFaultTest, AFailedFileAfterTheCommitIsAcknowledgedAndRepaired) {
  Open();
  ASSERT_TRUE(Log("even", "1"));
  files_.Inject({.operation = Operation::kWrite,
                 .path_contains = "events.jsonl",
                 .error_number = ENOSPC,
                 .until_healed = true,
                 .torn_bytes = 5});
  EXPECT_TRUE(Log("even", "2")) << "after the commit the answer is 201";
  EXPECT_TRUE(Log("even", "3")) << "SQLite has room";
  EXPECT_THAT(listener_.Seqs(), ElementsAre(1, 2, 3));
  WaitForRetry();
  EXPECT_TRUE(logger_->IsFileBehind("even")) << "the disk is still full";
  files_.Heal();
  EXPECT_TRUE(Log("even", "4"));
  EXPECT_EQ(Bodies("even").size(), 4u);
  ExpectAgreement();
}

TEST_F(JournalFaultTest, AFailedCommitHasAnUnknownOutcomeAndIsSettled) {
  Open();
  ASSERT_TRUE(Log("even", "1"));
  files_.Inject({.operation = Operation::kSync, .path_contains = "stagelog.db-wal"});
  const AppendOutcome outcome = Log("even", "2", "id-2");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "journal_unavailable");
  ASSERT_EQ(outcome.error().members.size(), 1u);
  EXPECT_EQ(outcome.error().members[0].second, "\"unknown\"");
  WaitForRetry();
  ASSERT_TRUE(Log("even", "2", "id-2")) << "an emitter may always retry";
  EXPECT_EQ(Bodies("even").size(), 2u);
  ExpectAgreement();
  const std::vector<int64_t> seqs = listener_.Seqs();
  EXPECT_EQ(seqs.size(), 2u) << "whichever way it went, it was announced once";
}

TEST_F(JournalFaultTest, WhatAFailedCommitLeftInTheLogIsShownToNobody) {
  Open();
  ASSERT_TRUE(Log("even", "1"));
  files_.Inject({.operation = Operation::kSync, .until_healed = true});
  EXPECT_FALSE(Log("even", "2"));
  // The first reader since then: SQLite would take the commit out of the log for it.
  EXPECT_EQ(Bodies("even").size(), 1u);
  EXPECT_FALSE(logger_->reader().FindJob("even").value()->job_seq > 1);
  WaitForRetry();
  EXPECT_EQ(Bodies("even").size(), 1u) << "the disk still fails";
  files_.Heal();
  Crash();
  Open();
  EXPECT_EQ(Bodies("even").size(), 1u);
  ASSERT_TRUE(Log("even", "3"));
  ExpectAgreement();
}

// What the log alone has, not yet synced, may be lost with the next power cut. No line is made of
// it before it cannot.
TEST_F(JournalFaultTest, ARequestIsThereWholeOrNotAtAllAfterAFailedRecovery) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::filesystem::remove_all(runs_);
    Open();
    ASSERT_TRUE(Log("even", "0"));
    ASSERT_TRUE(Log("odd", "0"));
    files_.Inject({.operation = Operation::kSync, .until_healed = true});
    EXPECT_FALSE(Append({LogDraft("even", "1"), LogDraft("odd", "1")}));
    Close();
    EXPECT_FALSE(TryOpen());
    Crash(seed);
    files_.Heal();
    Open();
    EXPECT_EQ(Bodies("even").size(), Bodies("odd").size());
    ExpectAgreement();
    Close();
    if (HasFailure()) return;
  }
}

// Somebody who reads keeps SQLite from moving the log into the database, which would sync it.
TEST_F(JournalFaultTest, NoLineIsWrittenBeforeItsRowIsSyncedThoughSomebodyReads) {
  Open();
  ASSERT_TRUE(Log("even", "0"));
  Close();
  Open();
  SQLite::Database reader(runs_ + "/stagelog.db");
  reader.exec("BEGIN");
  ASSERT_EQ(reader.execAndGet("SELECT count(*) FROM events").getInt(), 1);
  ASSERT_TRUE(Log("even", "1"));
  files_.Kill();
  Close();
  files_.PowerOn();
  const std::string text = FileText("even");
  const std::string torn = text.substr(0, text.size() - 10);
  WriteFileText("even", torn);
  files_.Inject({.operation = Operation::kSync, .path_contains = "-wal", .until_healed = true});
  EXPECT_FALSE(TryOpen());
  EXPECT_EQ(FileText("even"), torn);
  files_.Heal();
  Open();
  EXPECT_EQ(FileText("even"), text);
  reader.exec("COMMIT");
  ExpectAgreement();
}

TEST_F(JournalFaultTest, AFullDatabaseFileDoesNotKeepTheJournalFromOpening) {
  Open();
  ASSERT_TRUE(Log("even", "0"));
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);  // the file is synced and noted
  files_.Kill();
  Close();
  files_.PowerOn();
  files_.Inject({.operation = Operation::kWrite,
                 .path_contains = "stagelog.db",
                 .error_number = ENOSPC,
                 .until_healed = true});
  Open();
  EXPECT_EQ(Bodies("even").size(), 1u);
}

TEST_F(JournalFaultTest, AnIdentityThatCannotBeReadJustNowIsNotDamaged) {
  Open();
  ASSERT_TRUE(Log("even", "1"));
  const std::string journal_id = logger_->GetStatus().journal_id;
  Close();
  for (const Operation operation : {Operation::kOpenRead, Operation::kRead}) {
    files_.Inject(
        {.operation = operation, .path_contains = "journal.json", .error_number = EMFILE});
    EXPECT_FALSE(TryOpen());
    files_.Heal();
    Open();
    EXPECT_EQ(logger_->GetStatus().journal_id, journal_id);
    EXPECT_TRUE(logger_->GetStatus().set_aside.empty());
    Close();
  }
}

TEST_F(JournalFaultTest, IdleFilesAreSyncedAndNoted) {
  Open();
  ASSERT_TRUE(Log("even", "1"));
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  Crash();
  files_.ResetCounts();
  Open();
  EXPECT_EQ(files_.OperationCount(Operation::kOpenRead, "events.jsonl"), 0u);
  ExpectAgreement();
}

TEST_F(JournalFaultTest, ADatabaseFoundDamagedWhileRunningIsRebuilt) {
  Open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Log("even", std::string(1000, 'x')));
  Close();
  Open();
  {
    // Damage the pages behind the first ones, which are in nobody's cache yet.
    std::FILE* file = std::fopen((runs_ + "/stagelog.db").c_str(), "r+b");
    ASSERT_NE(file, nullptr);
    std::fseek(file, 0, SEEK_END);
    const long size = std::ftell(file);
    for (long at = 4096; at + 8 < size; at += 512) {
      std::fseek(file, at, SEEK_SET);
      std::fwrite("damaged!", 1, 8, file);
    }
    std::fclose(file);
  }
  ReadRequest request;
  request.job_id = "even";
  request.max_events = 1000;
  const Result<Page> page = logger_->reader().Read(request);
  EXPECT_FALSE(page);
  logger_->RunOnce(false);  // notices, and closes
  WaitForRetry();
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_EQ(Bodies("even").size(), 50u);
  EXPECT_TRUE(Log("even", "next"));
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
