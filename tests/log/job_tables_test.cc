// The tables of jobs follow the log: what is read while they are behind, what happens when they
// cannot be written, and how they catch up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "core/event_codec.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kNoMoreLists =
    "CREATE TRIGGER no_more_lists BEFORE INSERT ON job_events "
    "BEGIN SELECT RAISE(ABORT, 'no more lists'); END";
constexpr const char* kListsAgain = "DROP TRIGGER no_more_lists";

class JobTablesTest : public JournalTest {
 protected:
  // From now on a journal that is opened does not write the tables by itself.
  void LetThemLag() { options_.table_delay_micros = INT64_MAX / 4; }

  FollowerStatus Tables() const { return logger_->job_tables().GetFollowerStatus(); }

  // With bodies of the form seq:message.
  std::vector<std::string> Read(ReadRequest request) {
    const auto page = logger_->reader().Read(request);
    EXPECT_TRUE(page) << page.error().message;
    std::vector<std::string> found;
    for (const PageEvent& event : page->events) {
      found.push_back(std::to_string(event.seq) + ":" + std::string(ViewEvent(event.body).message));
    }
    return found;
  }

  // What the process would find that opens the journal after this one was killed.
  void KillAndOpen() {
    const std::string copy = directory_.Path("killed");
    std::filesystem::copy(runs_, copy, std::filesystem::copy_options::recursive);
    std::filesystem::remove(copy + "/.lock");
    Close();
    std::filesystem::remove_all(runs_);
    std::filesystem::rename(copy, runs_);
    Open();
  }
};

TEST_F(JobTablesTest, ACommitDoesNotWriteThem) {
  LetThemLag();
  Open();
  ASSERT_TRUE(Log("a", "one"));
  ASSERT_TRUE(Log("b", "two"));
  EXPECT_EQ(Query("SELECT count(*) FROM events"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM jobs"), 0);
  EXPECT_EQ(Query("SELECT count(*) FROM job_events"), 0);
  EXPECT_EQ(Query(kSelectTablesThrough), 0);
  EXPECT_EQ(Tables().lag_events, 2);
  EXPECT_EQ(Tables().problem, "");
  Close();
  EXPECT_EQ(Query(kSelectTablesThrough), 2) << "a clean end leaves nothing behind";
  EXPECT_EQ(Query("SELECT count(*) FROM jobs"), 2);
}

TEST_F(JobTablesTest, AReadOfAJobSeesWhatTheyLack) {
  Open();
  ASSERT_TRUE(Log("a", "listed"));
  Close();
  LetThemLag();
  Open();
  ASSERT_TRUE(Log("new", "n1"));
  ASSERT_TRUE(Log("a", "a2"));
  ASSERT_TRUE(Log("new", "n2"));
  ASSERT_TRUE(Log("a", "a3"));
  ASSERT_EQ(Tables().lag_events, 4);
  EXPECT_THAT(Read({.job_id = "a"}), ElementsAre("1:listed", "3:a2", "5:a3"));
  EXPECT_THAT(Read({.job_id = "a", .after = 3}), ElementsAre("5:a3"));
  EXPECT_THAT(Read({.job_id = "a", .max_events = 2, .newest = true}), ElementsAre("3:a2", "5:a3"));
  EXPECT_THAT(Read({.job_id = "new"}), ElementsAre("2:n1", "4:n2"));
  EXPECT_FALSE(logger_->reader().Read({.job_id = "nobody"})->job_known);
  EXPECT_GE(*logger_->reader().MostEventsOf("new"), 2);
  EXPECT_EQ((**logger_->reader().FindJob("a")).job_seq, 3);
  EXPECT_EQ((**logger_->reader().FindJob("a", 4)).job_seq, 2);
  EXPECT_EQ((**logger_->reader().FindJob("new")).first_seq, 2);
  EXPECT_EQ(*logger_->reader().FindJob("new", 1), std::nullopt);
  EXPECT_EQ(Tables().lag_events, 4) << "nobody waited for them";
}

TEST_F(JobTablesTest, AJobThatEndedInTheTailIsOver) {
  LetThemLag();
  Open();
  const auto is_over = [&] { return logger_->reader().Read({.job_id = "a"})->job_over; };
  ASSERT_TRUE(Append(TypedDraft("a", "job_started")));
  EXPECT_FALSE(is_over());
  ASSERT_TRUE(Append(TypedDraft("a", "job_completed")));
  EXPECT_TRUE(is_over());
  ASSERT_TRUE(Log("a", "after the end"));
  EXPECT_TRUE(is_over());
  Close();
  Open();
  EXPECT_TRUE(is_over());
  ASSERT_TRUE(Append(TypedDraft("a", "job_resumed")));
  EXPECT_FALSE(is_over());
}

TEST_F(JobTablesTest, AListWaitsForThem) {
  LetThemLag();
  Open();
  logger_->Start();
  for (int i = 0; i < 5; ++i) {
    const std::string job = "job-" + std::to_string(i);
    std::promise<void> is_appended;
    logger_->Append({LogDraft(job, "m")}, std::nullopt, [&](const AppendOutcome& outcome) {
      EXPECT_TRUE(outcome);
      is_appended.set_value();
    });
    is_appended.get_future().wait();
    const auto jobs = logger_->reader().ListJobs({});
    ASSERT_TRUE(jobs);
    ASSERT_EQ(jobs->size(), static_cast<size_t>(i) + 1);
    EXPECT_EQ(jobs->front().job_id, job);
    EXPECT_EQ(Tables().lag_events, 0);
  }
}

TEST_F(JobTablesTest, AfterAKillTheyAreBroughtUpToDate) {
  LetThemLag();
  Open();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(Log("job-" + std::to_string(i % 7), "m"));
  ASSERT_TRUE(Append(TypedDraft("job-3", "job_completed")));
  KillAndOpen();
  EXPECT_EQ(Tables().lag_events, 0);
  EXPECT_EQ(Query(kSelectTablesThrough), 51);
  ExpectAgreement();
  ASSERT_TRUE(Log("job-3", "goes on"));
  Close();
  Open();
  ExpectAgreement();
}

TEST_F(JobTablesTest, APowerCutTakesNothingThatWasCommitted) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Open();
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(Log("job-" + std::to_string(i % 3), std::to_string(seed)));
    }
    Crash(seed);
    Open();
    EXPECT_EQ(Query("SELECT count(*) FROM events"), static_cast<int64_t>(seed) * 20);
    ExpectAgreement();
    Close();
  }
}

// Only what follows the log fails: it lags, is named, and catches up.
// The pages of a slice are not on the disk by chance: the sync of a later commit fails, and the
// kernel drops what it could not write.
TEST_F(JobTablesTest, ASyncThatFailsTakesNoSliceBack) {
  Open();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Log("job-" + std::to_string(i % 3), "m"));
  ASSERT_EQ(Tables().lag_events, 0);
  files_.Inject(
      {.operation = Operation::kSync, .path_contains = "stagelog.db-wal", .lose_unsynced = true});
  EXPECT_FALSE(Log("job-1", "lost"));
  Close();
  Open();
  EXPECT_TRUE(logger_->GetStatus().set_aside.empty());
  ExpectAgreement();
}

TEST_F(JobTablesTest, EachSliceLeavesThemCompleteAsFarAsTheySay) {
  options_.table_slice_micros = 0;  // the shortest slice: a few jobs
  Open();
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 150; ++i)
    drafts.push_back(LogDraft("job-" + std::to_string(i * 7 % 50), "m"));
  bool is_answered = false;
  logger_->Append(drafts, std::nullopt, [&](const auto&) { is_answered = true; });
  int slices = 0;
  for (int64_t lag = 1; lag > 0; ++slices) {
    logger_->RunOnce(false);
    ASSERT_TRUE(is_answered);
    lag = Tables().lag_events;
    const std::string through = std::to_string(Query(kSelectTablesThrough));
    EXPECT_GE(150 - lag, std::stoll(through)) << "behind it there are listed ones, too";
    EXPECT_EQ(Query("SELECT count(*) FROM job_events"), 150 - lag);
    EXPECT_EQ(Query("SELECT count(*) FROM events WHERE seq <= " + through +
                    " AND NOT EXISTS "
                    "(SELECT 1 FROM job_events WHERE job_events.seq = events.seq)"),
              0);
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(Read({.job_id = "job-" + std::to_string(i)}).size(), 3U);
    }
    if (slices == 2) {
      KillAndOpen();  // which brings them up to date
      ASSERT_EQ(Tables().lag_events, 0);
      ExpectAgreement();
      Close();
      std::filesystem::remove_all(runs_);
      Open();
      ASSERT_TRUE(Append(drafts));
    }
  }
  EXPECT_GT(slices, 3);
  ExpectAgreement();
}

// As after a backup was restored: seqs go on far behind those of before.
TEST_F(JobTablesTest, AJumpOfSeqsIsNoLag) {
  options_.max_table_lag_events = 10;
  Open();
  ASSERT_TRUE(Log("a", "one"));
  Close();
  EventTable(DatabasePath(runs_), "").SetFloorSeq(1'000'000);
  Open();
  Execute(kNoMoreLists);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(Log("a", "m")) << i;
  EXPECT_EQ(Tables().lag_events, 9);
  EXPECT_GT(logger_->GetStatus().head_seq, 1'000'000);
  Execute(kListsAgain);
  WaitForRetry();
  ExpectAgreement();
}

TEST_F(JobTablesTest, ASliceThatFailsKeepsNobodyFromAppending) {
  Open();
  ASSERT_TRUE(Log("a", "one"));
  Execute(kNoMoreLists);
  ASSERT_TRUE(Log("a", "two"));
  ASSERT_TRUE(Log("b", "three"));
  EXPECT_EQ(Tables().lag_events, 2);
  EXPECT_THAT(Tables().problem, HasSubstr("no more lists"));
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_THAT(Read({.job_id = "a"}), ElementsAre("1:one", "2:two"));
  EXPECT_THAT(Read({.job_id = "b"}), ElementsAre("3:three"));
  WaitForRetry();
  EXPECT_EQ(Tables().lag_events, 2) << "tried again, in vain";
  EXPECT_FALSE(logger_->reader().ListGates({})) << "it would lack what was acknowledged";
  EXPECT_TRUE(logger_->reader().ListGates({.rows = GateListRequest::Rows::kAsTheyAre}));
  EXPECT_FALSE(logger_->reader().ListJobs({}));
  EXPECT_TRUE(logger_->reader().CountJobs()) << "as of some moments ago";
  EXPECT_TRUE(logger_->reader().MustWait());
  Execute(kListsAgain);
  ASSERT_TRUE(Log("b", "four"));
  EXPECT_EQ(Tables().lag_events, 3) << "not before its time";
  WaitForRetry();
  EXPECT_EQ(Tables().lag_events, 0);
  EXPECT_EQ(Tables().problem, "");
  ExpectAgreement();
}

TEST_F(JobTablesTest, DeletionAndRetentionAreRefusedWhileTheyFail) {
  Open();
  ASSERT_TRUE(Log("a", "one"));
  Execute(kNoMoreLists);
  ASSERT_TRUE(Log("a", "two"));
  std::string deletion;
  std::string retention;
  const auto ask = [&] {
    deletion = retention = "";
    logger_->DeleteJob("a", "ann", [&](const auto& outcome) {
      deletion = outcome ? "done" : outcome.error().code + ": " + outcome.error().detail;
    });
    archiver_->RunRetention(true, [&](const auto& outcome) {
      retention = outcome ? "done" : outcome.error().code + ": " + outcome.error().detail;
    });
  };
  ask();
  WaitForRetry();
  for (const std::string& answer : {deletion, retention}) {
    EXPECT_THAT(answer, HasSubstr("journal_unavailable"));
    EXPECT_THAT(answer, HasSubstr("no more lists"));
  }
  EXPECT_EQ(Query("SELECT count(*) FROM events"), 2) << "not applied";
  Execute(kListsAgain);
  WaitForRetry();
  ask();
  for (int i = 0; i < 10; ++i) logger_->RunOnce(false);
  EXPECT_EQ(deletion, "done");
  EXPECT_EQ(retention, "done");
  EXPECT_EQ(Query("SELECT count(*) FROM events"), 0);
  EXPECT_EQ(Query("SELECT count(*) FROM job_events"), 0);
}

TEST_F(JobTablesTest, TheLogWaitsForTablesThatAreFarBehind) {
  LetThemLag();
  options_.max_table_lag_events = 10;
  Open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Log("job-" + std::to_string(i % 3), "m"));
    ASSERT_LE(Tables().lag_events, 10);
  }
  Close();
  Open();
  ExpectAgreement();
}

TEST_F(JobTablesTest, FarBehindAndStuckTheJournalRefuses) {
  options_.max_table_lag_events = 10;
  Open();
  Execute(kNoMoreLists);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(Log("a", "m"));
  const AppendOutcome refused = Log("a", "one too many");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "journal_unavailable");
  EXPECT_THAT(refused.error().detail, HasSubstr("no more lists"));
  EXPECT_FALSE(logger_->GetStatus().writable);
  EXPECT_TRUE(logger_->reader().ListJobs({})) << "closed, it shows what there is";
  EXPECT_FALSE(logger_->reader().ListGates({.rows = GateListRequest::Rows::kCurrent}));
  WaitForRetry();
  EXPECT_FALSE(logger_->GetStatus().writable);
  Execute(kListsAgain);
  WaitForRetry();
  EXPECT_TRUE(logger_->GetStatus().writable);
  ASSERT_TRUE(Log("a", "again"));
  EXPECT_EQ(Bodies("a").size(), 11U);
  ExpectAgreement();
}

TEST_F(JobTablesTest, AClosingJournalSaysThatTheyCouldNotBeWritten) {
  Open();
  Execute(kNoMoreLists);
  ASSERT_TRUE(Log("a", "m"));
  Close();
  EXPECT_EQ(Query(kSelectTablesThrough), 0);
  Execute(kListsAgain);
  Open();
  ExpectAgreement();
  EXPECT_EQ(Bodies("a").size(), 1U);
}

// How far they claim to be.
TEST_F(JobTablesTest, WhateverTheyClaimTheyAreRight) {
  Open();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Log("job-" + std::to_string(i % 4), "m"));
  ASSERT_TRUE(Append(TypedDraft("job-1", "job_completed")));
  Close();
  for (const char* claim :
       {"UPDATE journal SET value = 1000000000 WHERE key = 'tables_through'",
        "UPDATE journal SET value = 'far' WHERE key = 'tables_through'",
        "UPDATE journal SET value = -5 WHERE key = 'tables_through'",
        "UPDATE journal SET value = 7 WHERE key = 'tables_through'",
        "DELETE FROM journal WHERE key = 'tables_through'",
        // Of a journal that followed with nothing yet.
        "UPDATE journal SET value = 0 WHERE key = 'tables_through'; DELETE FROM job_events; "
        "DELETE FROM jobs; DELETE FROM stages; DELETE FROM gates; DELETE FROM snapshots",
        // Lists that were lost, wholly and in part.
        "DELETE FROM job_events", "DELETE FROM job_events WHERE seq < 6",
        "DELETE FROM job_events WHERE seq > 28",
        // Ahead of the log, and wrong.
        "UPDATE journal SET value = 99 WHERE key = 'tables_through'; DELETE FROM job_events; "
        "INSERT INTO job_events VALUES (1, 4711); UPDATE jobs SET last_seq = 99 WHERE first_seq = "
        "2"}) {
    SCOPED_TRACE(claim);
    Execute(claim);
    Open();
    EXPECT_EQ(Query(kSelectTablesThrough), 31);
    EXPECT_EQ(Query("SELECT count(*) FROM job_events"), 31);
    ExpectAgreement();
    Close();
  }
}

TEST_F(JobTablesTest, ManyEventsBehindTheyAreMadeFromTheLog) {
  Open();
  constexpr int kEvents = 60'000;  // several transactions
  for (int i = 0; i < kEvents; i += 1'000) {
    std::vector<EventDraft> drafts;
    for (int j = 0; j < 1'000; ++j) {
      drafts.push_back(LogDraft("job-" + std::to_string((i + j) % 113), "m"));
    }
    ASSERT_TRUE(Append(std::move(drafts)));
  }
  Close();
  Execute(
      "UPDATE journal SET value = 0 WHERE key = 'tables_through'; DELETE FROM job_events; "
      "DELETE FROM jobs; DELETE FROM snapshots");
  Open();
  EXPECT_EQ(Query(kSelectTablesThrough), kEvents);
  EXPECT_EQ(Query("SELECT count(*) FROM job_events"), kEvents);
  ExpectAgreement();
}

// A kill between two transactions of catching up.
TEST_F(JobTablesTest, CatchingUpCanEndAtAnyPoint) {
  LetThemLag();
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    std::filesystem::remove_all(runs_);
    Open();
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(Log("job-" + std::to_string(i % 3), "m"));
    KillAndOpen();
    Close();
    Execute("UPDATE journal SET value = 5 WHERE key = 'tables_through'");
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 5});
    const bool is_open = TryOpen().has_value();
    files_.Heal();
    Crash(nth);
    Open();
    EXPECT_EQ(Query(kSelectTablesThrough), 12);
    ExpectAgreement();
    Close();
    if (is_open || HasFailure()) break;
  }
}

TEST_F(JobTablesTest, ListsThatWereLostAreRebuiltWithTheStates) {
  Open();
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(Log("job-" + std::to_string(i % 3), "m"));
  Close();
  Execute("DELETE FROM job_events WHERE seq = 5; INSERT INTO job_events VALUES (1, 4711)");
  options_.rebuild_states = true;
  Open();
  EXPECT_EQ(Query("SELECT count(*) FROM job_events"), 9);
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
