// What is in the way of a new job is set aside before its first event is committed, whole.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/journal_evidence.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class NewJobTest : public JournalTest {
 protected:
  void SetUp() override {
    Open();
    ASSERT_TRUE(Log("other", "1"));
  }

  void Put(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(runs_ + "/" + name).parent_path());
    std::ofstream(runs_ + "/" + name) << text;
  }

  std::vector<std::string> SetAside() { return logger_->GetStatus().set_aside; }

  // The job takes its first event, and its file holds nothing else.
  void ExpectBegins() {
    ASSERT_TRUE(Log("job", "first"));
    EXPECT_TRUE(logger_->GetStatus().writable);
    EXPECT_THAT(FileLines("job"), SizeIs(1));
    ASSERT_TRUE(Log("other", "2"));
    ExpectAgreement();
    EXPECT_EQ(listener_.batches.size(), 3U) << "nobody waited for a recovery";
  }
};

TEST_F(NewJobTest, AForeignFileGetsNoLineOfOurs) {
  const std::string foreign = "{\"somebody\":\"else\"}\n";
  Put("job/events.jsonl", foreign);
  Put("job/notes.txt", "stay");
  ExpectBegins();
  ASSERT_THAT(SetAside(), ElementsAre(HasSubstr("/job/events.jsonl.diverged-")));
  EXPECT_EQ(ReadAll(SetAside()[0]), foreign);
  EXPECT_EQ(ReadAll(runs_ + "/job/notes.txt"), "stay");
}

TEST_F(NewJobTest, NorOneWithoutAnEnd) {
  Put("job/events.jsonl", "no newline at the end");
  ExpectBegins();
  EXPECT_EQ(ReadAll(SetAside().at(0)), "no newline at the end");
}

// A job of another journal: it would have been taken at the next start, had nobody begun it anew.
TEST_F(NewJobTest, NorAJobOfAnotherJournal) {
  ASSERT_TRUE(Log("old", "1"));
  Close();
  fs::copy(runs_ + "/old", directory_.Path("kept"), fs::copy_options::recursive);
  fs::remove_all(runs_);
  listener_.batches.clear();
  SetUp();
  fs::rename(directory_.Path("kept"), runs_ + "/job");
  const std::string text = FileText("job");
  ExpectBegins();
  EXPECT_EQ(ReadAll(SetAside().at(0)), text);
}

TEST_F(NewJobTest, EverythingThatHasANameOfOursIsKept) {
  Put("job/events.jsonl.zst", "zst");
  Put("job/events.jsonl.tmp", "tmp");
  Put("job/state.json", "state");
  Put("job/gates/g.json", "gate");
  ExpectBegins();
  ASSERT_THAT(SetAside(), SizeIs(4));
  std::string texts;
  for (const std::string& name : SetAside()) {
    texts += fs::is_directory(name) ? ReadAll(name + "/g.json") : ReadAll(name);
  }
  EXPECT_EQ(texts, "zsttmpstategate");
}

TEST_F(NewJobTest, AFolderInThePlaceOfTheFile) {
  Put("job/events.jsonl/inside", "kept");
  ExpectBegins();
  EXPECT_EQ(ReadAll(SetAside().at(0) + "/inside"), "kept");
}

TEST_F(NewJobTest, APipeInThePlaceOfTheFile) {
  fs::create_directory(runs_ + "/job");
  ASSERT_EQ(::mkfifo(FilePath("job").c_str(), 0644), 0);
  ExpectBegins();
}

TEST_F(NewJobTest, AFileInThePlaceOfTheFolder) {
  Put("job", "a plain file");
  ExpectBegins();
  EXPECT_EQ(ReadAll(SetAside().at(0)), "a plain file");
}

TEST_F(NewJobTest, ALinkInThePlaceOfTheFolderOrTheFile) {
  const std::string outside = directory_.Path("outside");
  fs::create_directory(outside);
  std::ofstream(outside + "/events.jsonl") << "precious\n";
  fs::create_directory_symlink(outside, runs_ + "/job");
  ExpectBegins();
  fs::create_directory(runs_ + "/second");
  fs::create_symlink(outside + "/events.jsonl", FilePath("second"));
  ASSERT_TRUE(Log("second", "1"));
  ExpectAgreement();
  EXPECT_EQ(ReadAll(outside + "/events.jsonl"), "precious\n");
}

TEST_F(NewJobTest, AnEmptyFolderIsUsed) {
  fs::create_directory(runs_ + "/job");
  ExpectBegins();
  EXPECT_THAT(SetAside(), IsEmpty());
}

TEST_F(NewJobTest, WhatCannotBeSetAsideDelaysTheFileOfThisJobAlone) {
  Put("job/events.jsonl", "foreign");
  files_.Inject({.operation = Operation::kRename, .path_contains = "/job/", .until_healed = true});
  ASSERT_TRUE(Log("job", "first"));
  EXPECT_TRUE(logger_->GetStatus().writable);
  EXPECT_TRUE(logger_->IsFileBehind("job"));
  ASSERT_TRUE(Log("other", "2"));
  EXPECT_EQ(ReadAll(FilePath("job")), "foreign");
  files_.Heal();
  ASSERT_TRUE(Log("job", "second"));
  ExpectAgreement();
  EXPECT_THAT(SetAside(), SizeIs(1));
}

// The event is durable in SQLite; its folder need not be before the answer.
TEST_F(NewJobTest, TheRunsFolderIsNotSyncedBeforeTheAnswer) {
  files_.ResetCounts();
  ASSERT_TRUE(Log("job", "1"));
  EXPECT_EQ(files_.OperationCount(Operation::kSyncDirectory), 0U);
  Crash();
  EXPECT_FALSE(fs::exists(runs_ + "/job")) << "the power cut took the folder";
  Open();
  ExpectAgreement();
  EXPECT_THAT(FileLines("job"), SizeIs(1));
}

TEST_F(NewJobTest, ItIsSyncedBeforeAFileIsCalledSynced) {
  ASSERT_TRUE(Log("job", "1"));
  ASSERT_TRUE(Log("second", "1"));
  files_.ResetCounts();
  clock_.AdvanceMicros(options_.idle_sync_micros);
  logger_->RunOnce(false);
  const auto syncs_of_runs = files_.OperationCount(Operation::kSyncDirectory) -
                             files_.OperationCount(Operation::kSyncDirectory, "/runs/");
  EXPECT_EQ(syncs_of_runs, 1U) << "one for all that is new";
  Crash();
  EXPECT_TRUE(fs::exists(FilePath("job")));
  Open();
  ExpectAgreement();
}

// Between the look at the folder and the opening of the file in it.
TEST_F(NewJobTest, AFolderThatIsExchangedForALinkIsNotFollowed) {
  const std::string outside = directory_.Path("outside");
  fs::create_directory(outside);
  ASSERT_TRUE(Log("job", "1"));
  Close();
  Open();
  files_.BlockNth(Operation::kOpen, 1, "/job/events.jsonl");
  AppendOutcome outcome;
  std::thread writer([&] { outcome = Log("job", "2"); });
  files_.WaitUntilBlocked();
  fs::rename(runs_ + "/job", directory_.Path("taken"));
  fs::create_directory_symlink(outside, runs_ + "/job");
  files_.Release();
  writer.join();
  EXPECT_TRUE(outcome) << "it is in SQLite";
  EXPECT_TRUE(fs::is_empty(outside));
  WaitForRetry();
  ASSERT_TRUE(Log("job", "3"));
  EXPECT_TRUE(fs::is_empty(outside));
  ExpectAgreement();
}

}  // namespace
}  // namespace stagelog
