// Jobs that are deleted for good: nothing of them comes back, whatever happens on the way, and
// nothing of the others goes.
#include <gmock/gmock.h>

#include <filesystem>

#include "core/event_codec.h"
#include "log/file/tombstones.h"
#include "log/journal_identity.h"
#include "log/recovery.h"
#include "log/table/event_table.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using DeleteOutcome = tl::expected<DeletedJobReport, Refusal>;

class JobRemovalTest : public JournalTest {
 protected:
  DeleteOutcome Delete(const std::string& job_id) {
    std::optional<DeleteOutcome> outcome;
    logger_->DeleteJob(job_id, "tester",
                       [&](DeleteOutcome answer) { outcome = std::move(answer); });
    while (!outcome) logger_->RunOnce(false);
    return std::move(*outcome);
  }

  std::string DeleteCode(const std::string& job_id) {
    const DeleteOutcome outcome = Delete(job_id);
    return outcome ? "deleted" : outcome.error().code;
  }

  std::string AppendCode(const std::string& job_id) {
    const AppendOutcome outcome = Log(job_id, "again", "again");
    return outcome ? "taken" : outcome.error().code;
  }

  std::vector<int64_t> AllSeqs() {
    const Result<Page> page = logger_->reader().Read({.max_events = 1'000'000});
    EXPECT_TRUE(page) << page.error().message;
    std::vector<int64_t> seqs;
    if (page) {
      for (const PageEvent& event : page->events) seqs.push_back(event.seq);
    }
    return seqs;
  }

  // Everything in the runs folder whose name tells of the job or of what was left of one.
  std::vector<std::string> Remains(const std::string& job_id) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(runs_)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(job_id) || name.starts_with(".deleted-")) names.push_back(name);
    }
    return names;
  }

  // Seq 1 to 6: three events of each job in turn.
  void AppendToTwo() {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(Log("gone", "m", "gone-" + std::to_string(i)));
      ASSERT_TRUE(Log("kept", "m", "kept-" + std::to_string(i)));
    }
  }

  void ExpectGone() {
    EXPECT_THAT(Remains("gone"), IsEmpty());
    EXPECT_TRUE(logger_->IsDeleted("gone"));
    EXPECT_THAT(AllSeqs(), ElementsAre(2, 4, 6));
    EXPECT_EQ(AppendCode("gone"), "job_deleted");
    EXPECT_EQ(DeleteCode("gone"), "job_deleted");
    ExpectAgreement();
  }
};

TEST_F(JobRemovalTest, NothingIsLeftButTheTombstone) {
  Open();
  AppendToTwo();
  const DeleteOutcome outcome = Delete("gone");
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(outcome->event_count, 3);
  EXPECT_EQ(outcome->first_seq, 1);
  EXPECT_EQ(outcome->last_seq, 5);
  ExpectGone();
  EXPECT_EQ(DeleteCode("never"), "unknown_job");
  Close();
  Open();
  ExpectGone();
}

TEST_F(JobRemovalTest, ItsSeqsAreNotUsedAgain) {
  Open();
  ASSERT_TRUE(Log("kept", "1"));
  ASSERT_TRUE(Log("gone", "2"));
  ASSERT_TRUE(Delete("gone"));
  EXPECT_EQ(logger_->reader().Read({})->head_seq, 3);
  EXPECT_EQ(logger_->reader().Read({.after = 2})->scanned_through, 3) << "no event: a hole";
  Crash();
  Open();
  EXPECT_EQ(logger_->GetStatus().head_seq, 3);
  const AppendOutcome next = Log("kept", "3");
  ASSERT_TRUE(next);
  EXPECT_GE(next->front().seq, 4);
  ExpectAgreement();
}

TEST_F(JobRemovalTest, ADeletionHasASeqInTheOrderOfTheLog) {
  Open();
  AppendToTwo();
  ASSERT_TRUE(Log("other", "m"));
  const DeleteOutcome gone = Delete("gone");
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->seq, 8);
  EXPECT_EQ(logger_->GetStatus().head_seq, 8);
  EXPECT_EQ(Log("kept", "m")->front().seq, 9);
  EXPECT_EQ(Delete("other")->seq, 10);
  EXPECT_THAT(listener_.deletion_seqs, ElementsAre(8, 10));
  EXPECT_EQ(logger_->job_tables().GetFollowerStatus().lag_events, 0);
  EXPECT_EQ(EventTable(DatabasePath(runs_), "").TablesThrough(), 10);
  Close();
  for (const char* part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(runs_ + "/stagelog.db" + part);
  }
  Open();
  EXPECT_EQ(logger_->GetStatus().head_seq, 10) << "from the file";
  EXPECT_THAT(AllSeqs(), ElementsAre(2, 4, 6, 9));
}

// It is announced when it is decided, and what comes later is announced later.
TEST_F(JobRemovalTest, ADeletionIsAnnouncedBeforeWhatIsWrittenAfterIt) {
  Open();
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 3'000; ++i) drafts.push_back(LogDraft("gone", "m"));
  ASSERT_TRUE(Append(std::move(drafts)));
  bool is_answered = false;
  logger_->DeleteJob("gone", "tester", [&](const DeleteOutcome&) { is_answered = true; });
  logger_->RunOnce(false);
  EXPECT_THAT(listener_.deletion_seqs, ElementsAre(3'001));
  EXPECT_FALSE(is_answered) << "its events are still to go";
  const AppendOutcome later = Log("kept", "m");
  Close();
  EXPECT_TRUE(is_answered);
  ASSERT_TRUE(later);
  EXPECT_EQ(later->front().seq, 3'002);
  EXPECT_EQ(listener_.batches.back()->events.front().seq, 3'002);
}

// The bound of assigned seqs is moved for a deletion as it is for an event.
TEST_F(JobRemovalTest, ThePowerFailsWhileADeletionMovesTheBoundOfSeqs) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    AppendToTwo();
    Close();
    ASSERT_EQ(ReadJournalIdentity(RealFileSystem(), runs_)->highest_seq, 6);
    Open();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true});
    const DeleteOutcome outcome = Delete("gone");
    operations = files_.OperationCount();
    files_.Heal();
    Crash(nth);
    Open();
    EXPECT_TRUE(!outcome || logger_->IsDeleted("gone"));
    EXPECT_GT(ReadJournalIdentity(RealFileSystem(), runs_)->highest_seq,
              logger_->GetStatus().head_seq - 1);
    const AppendOutcome next = Log("kept", "m", "after");
    ASSERT_TRUE(next);
    EXPECT_GT(next->front().seq, logger_->IsDeleted("gone") ? 7 : 6);
    ExpectAgreement();
  });
}

TEST_F(JobRemovalTest, ATombstoneFromBeforeDeletionsHadASeqIsRead) {
  Open();
  AppendToTwo();
  ASSERT_TRUE(Delete("gone"));
  Close();
  const std::string path = TombstoneFilePath(runs_);
  std::string text = *ReadWholeFile(RealFileSystem(), path);
  ASSERT_TRUE(text.starts_with(R"({"seq":7,)"));
  text.erase(1, std::string_view(R"("seq":7,)").size());
  ASSERT_TRUE(RealFileSystem().WriteFile(path, text));
  const Result<TombstoneFile> old = ReadTombstones(RealFileSystem(), runs_);
  ASSERT_TRUE(old);
  ASSERT_EQ(old->tombstones.size(), 1U);
  EXPECT_EQ(old->tombstones.front().seq, 5);
  for (const char* seq : {"4", "9000000000000000000", "-1", "\"7\"", "null"}) {
    std::string damaged = text;
    damaged.insert(1, "\"seq\":" + std::string(seq) + ",");
    ASSERT_TRUE(RealFileSystem().WriteFile(path, damaged));
    EXPECT_TRUE(ReadTombstones(RealFileSystem(), runs_)->is_damaged) << seq;
  }
}

// Somebody may have seen either seq: no event gets it.
TEST_F(JobRemovalTest, ATombstoneThatDiffersFromItsRowIsSettled) {
  Open();
  AppendToTwo();
  ASSERT_TRUE(Delete("gone"));
  Close();
  const std::string path = TombstoneFilePath(runs_);
  const std::string text = *ReadWholeFile(RealFileSystem(), path);
  for (const char* seq : {"7", "0", "'text'", "9"}) {
    SCOPED_TRACE(seq);
    {
      SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READWRITE);
      database.exec("UPDATE deleted_jobs SET seq = " + std::string(seq));
    }
    ASSERT_TRUE(RealFileSystem().WriteFile(path, text));
    Open();
    const AppendOutcome next = Log("kept", "m");
    ASSERT_TRUE(next);
    EXPECT_GT(next->front().seq, 7);
    const auto file = ReadTombstones(RealFileSystem(), runs_);
    ASSERT_TRUE(file);
    ASSERT_EQ(file->tombstones.size(), 1U);
    EXPECT_EQ(file->tombstones.front().seq, std::string(seq) == "9" ? 9 : 7);
    Close();
  }
}

TEST_F(JobRemovalTest, ASeqThatLeavesNoneIsNamed) {
  Open();
  AppendToTwo();
  ASSERT_TRUE(Delete("gone"));
  Close();
  {
    SQLite::Database database(DatabasePath(runs_), SQLite::OPEN_READWRITE);
    database.exec("UPDATE deleted_jobs SET seq = 9223372036854775807");
  }
  const Status opened = TryOpen();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, ::testing::HasSubstr("a seq of 9223372036854775807"));
}

// Nothing was decided, and nobody else is refused anything.
TEST_F(JobRemovalTest, WithoutAWritableTombstoneFileOnlyTheDeletionIsRefused) {
  Open();
  AppendToTwo();
  ASSERT_TRUE(Log("first", "m"));
  ASSERT_TRUE(Delete("first"));
  files_.Inject({.operation = Operation::kOpen,
                 .path_contains = "stagelog.deleted.jsonl",
                 .error_number = EPERM,
                 .until_healed = true});
  const DeleteOutcome outcome = Delete("gone");
  ASSERT_FALSE(outcome);
  using Members = decltype(Refusal::members);
  EXPECT_EQ(outcome.error().members, (Members{{"outcome", "\"not_applied\""}}));
  EXPECT_TRUE(logger_->GetStatus().writable);
  ASSERT_TRUE(Log("gone", "still there"));
  files_.Heal();
  EXPECT_TRUE(Delete("gone"));
}

TEST_F(JobRemovalTest, ALargeJobGoesInSlicesThatLetOthersIn) {
  Open();
  std::vector<EventDraft> drafts;
  for (int i = 0; i < 5'000; ++i) drafts.push_back(LogDraft("gone", "m"));
  ASSERT_TRUE(Append(std::move(drafts)));
  std::optional<DeleteOutcome> outcome;
  logger_->DeleteJob("gone", "tester", [&](DeleteOutcome answer) { outcome = std::move(answer); });
  logger_->RunOnce(false);
  ASSERT_FALSE(outcome);
  ASSERT_TRUE(Log("kept", "meanwhile"));
  EXPECT_FALSE(outcome);
  EXPECT_EQ(AppendCode("gone"), "job_deleted") << "from the first slice on";
  while (!outcome) logger_->RunOnce(false);
  EXPECT_TRUE(*outcome);
  EXPECT_THAT(AllSeqs(), ElementsAre(5'002));
  EXPECT_THAT(Remains("gone"), IsEmpty());
  ExpectAgreement();
}

TEST_F(JobRemovalTest, TheLossOfTheDatabaseBringsNothingBack) {
  Open();
  AppendToTwo();
  const std::string folder = runs_ + "/gone";
  std::filesystem::copy(folder, directory_.Path("copy"));
  ASSERT_TRUE(Delete("gone"));
  Close();
  for (const char* part : {"", "-wal", "-shm"}) {
    std::filesystem::remove(runs_ + "/stagelog.db" + part);
  }
  std::filesystem::copy(directory_.Path("copy"), folder);
  Open();
  ExpectGone();
}

TEST_F(JobRemovalTest, ALostOrDamagedTombstoneFileIsMadeAnew) {
  Open();
  AppendToTwo();
  ASSERT_TRUE(Delete("gone"));
  Close();
  const std::string path = TombstoneFilePath(runs_);
  const std::string before = *ReadWholeFile(RealFileSystem(), path);
  EXPECT_THAT(before, ::testing::HasSubstr(R"("job_id":"gone","first_seq":1,"last_seq":5)"));
  for (const std::string& text :
       {std::string(), "nonsense\n" + before, before + "{\"job_id\":\"k"}) {
    SCOPED_TRACE(text);
    ASSERT_TRUE(RealFileSystem().WriteFile(path, text));
    Open();
    ExpectGone();
    Close();
    EXPECT_EQ(*ReadWholeFile(RealFileSystem(), path), before);
  }
}

// What was decided and what was not begun are told apart.
TEST_F(JobRemovalTest, AFailureAnswersEveryRequest) {
  Open();
  AppendToTwo();
  std::vector<DeleteOutcome> outcomes;
  for (const char* job_id : {"gone", "kept"}) {
    logger_->DeleteJob(job_id, "tester",
                       [&](DeleteOutcome answer) { outcomes.push_back(std::move(answer)); });
  }
  files_.Inject({.operation = Operation::kSync, .path_contains = "stagelog.deleted.jsonl"});
  logger_->RunOnce(false);
  ASSERT_EQ(outcomes.size(), 2U);
  for (const DeleteOutcome& outcome : outcomes) {
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, "journal_unavailable");
  }
  using Members = decltype(Refusal::members);
  EXPECT_EQ(outcomes[0].error().members, (Members{{"outcome", "\"unknown\""}}));
  EXPECT_EQ(outcomes[1].error().members, (Members{{"outcome", "\"not_applied\""}}));
  WaitForRetry();
  EXPECT_FALSE(logger_->IsDeleted("kept"));
  EXPECT_THAT(DeleteCode("gone"), ::testing::AnyOf("deleted", "job_deleted"));
  ExpectGone();
}

TEST_F(JobRemovalTest, WhatWasAcceptedIsCarriedOutBeforeTheJournalCloses) {
  Open();
  AppendToTwo();
  ASSERT_TRUE(Log("also-gone", "m"));
  std::vector<DeleteOutcome> outcomes;
  const auto request = [&](const std::string& job_id) {
    logger_->DeleteJob(job_id, "tester",
                       [&](DeleteOutcome answer) { outcomes.push_back(std::move(answer)); });
  };
  request("gone");
  request("also-gone");
  logger_->Stop();
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_TRUE(outcomes[0]);
  EXPECT_TRUE(outcomes[1]);
  request("kept");
  ASSERT_EQ(outcomes.size(), 3U);
  ASSERT_FALSE(outcomes[2]);
  EXPECT_EQ(outcomes[2].error().code, "shutting_down");
  Close();
  Open();
  EXPECT_TRUE(logger_->IsDeleted("also-gone"));
  ExpectGone();
}

// Of one job nothing is in the way of the others.
TEST_F(JobRemovalTest, FoldersThatCannotBeRemovedAreTriedOnceAMinute) {
  Open();
  AppendToTwo();
  files_.Inject({.operation = Operation::kRemove,
                 .path_contains = ".deleted-",
                 .error_number = EPERM,
                 .until_healed = true});
  EXPECT_FALSE(Delete("gone"));
  EXPECT_FALSE(Delete("kept"));
  for (int minute = 0; minute < 3; ++minute) {
    files_.ResetCounts();
    for (int i = 0; i < 50; ++i) logger_->RunOnce(false);
    EXPECT_EQ(files_.OperationCount(Operation::kRemove), 0U);
    clock_.AdvanceMicros(60'000'000);
    for (int i = 0; i < 50; ++i) logger_->RunOnce(false);
    EXPECT_EQ(files_.OperationCount(Operation::kRemove), 2U);
  }
}

TEST_F(JobRemovalTest, AFolderThatCannotBeRemovedHoldsUpNobody) {
  Open();
  AppendToTwo();
  const Fault fault{.operation = Operation::kRemove,
                    .path_contains = ".deleted-",
                    .error_number = EPERM,
                    .until_healed = true};
  files_.Inject(fault);
  const DeleteOutcome outcome = Delete("gone");
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().detail, ::testing::HasSubstr("its folder cannot be removed yet"));
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_THAT(listener_.deleted_jobs, ElementsAre("gone"));
  EXPECT_EQ(DeleteCode("gone"), "job_deleted");
  ASSERT_TRUE(Log("kept", "m"));
  Close();
  Open();  // neither does it keep the journal closed
  ASSERT_TRUE(Log("kept", "m"));
  files_.Heal();
  clock_.AdvanceMicros(60'000'000);
  for (int i = 0; i < 10; ++i) logger_->RunOnce(false);
  EXPECT_THAT(Remains("gone"), IsEmpty());
  EXPECT_THAT(listener_.deleted_jobs, ElementsAre("gone"));
  ExpectAgreement();
}

TEST_F(JobRemovalTest, EachOperationFailsOnceInTurn) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    AppendToTwo();
    listener_.deleted_jobs.clear();
    files_.ResetCounts();
    files_.Inject({.nth = nth});
    const DeleteOutcome outcome = Delete("gone");
    operations = files_.OperationCount();
    files_.Heal();
    WaitForRetry();
    clock_.AdvanceMicros(60'000'000);  // a folder that could not be removed
    for (int i = 0; i < 5; ++i) logger_->RunOnce(false);
    EXPECT_TRUE(logger_->GetStatus().writable);
    if (!outcome) {
      EXPECT_EQ(outcome.error().code, "journal_unavailable");
      EXPECT_THAT(DeleteCode("gone"), ::testing::AnyOf("deleted", "job_deleted"));
    }
    ExpectGone();
    EXPECT_THAT(listener_.deleted_jobs, ElementsAre("gone")) << "whoever finished the removal";
  });
}

// Its folder has another name, and the disk does not know yet: whoever finishes the removal sees to
// that first.
TEST_F(JobRemovalTest, APowerCutAfterFailedSyncsBringsNothingBack) {
  for (size_t nth = 1; nth <= 5; ++nth) {
    SCOPED_TRACE("sync of a folder " + std::to_string(nth));
    std::filesystem::remove_all(runs_);
    Open();
    AppendToTwo();
    Close();  // with a note of each file: the next opening has nothing to write
    Open();
    // Moves the bound of seqs.
    ASSERT_TRUE(Log("gone", "m"));
    ASSERT_EQ(AllSeqs().size(), 7U);  // a reader's connection keeps the log
    files_.Inject({.operation = Operation::kSyncDirectory, .nth = nth, .until_healed = true});
    static_cast<void>(Delete("gone"));
    WaitForRetry();
    files_.Kill();
    Close();
    files_.PowerOn();
    files_.Heal();
    Open();
    ASSERT_TRUE(logger_->IsDeleted("gone"));
    Crash();
    Open();
    ExpectGone();
    Close();
    if (HasFailure()) return;
  }
}

TEST_F(JobRemovalTest, ThePowerFailsAfterEachOperation) {
  ForEachOperation([this](size_t nth, size_t& operations) {
    AppendToTwo();
    Close();
    Open();
    files_.ResetCounts();
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 7});
    const DeleteOutcome outcome = Delete("gone");
    operations = files_.OperationCount();
    files_.Heal();
    Crash(nth % 3 == 0 ? std::optional<uint64_t>() : nth);
    Open();
    // Either it was decided, or nothing has happened yet.
    EXPECT_TRUE(!outcome || logger_->IsDeleted("gone"));
    if (!logger_->IsDeleted("gone")) {
      EXPECT_THAT(AllSeqs(), ElementsAre(1, 2, 3, 4, 5, 6));
      ExpectAgreement();
      EXPECT_EQ(DeleteCode("gone"), "deleted");
    }
    ExpectGone();
  });
}

}  // namespace
}  // namespace stagelog
