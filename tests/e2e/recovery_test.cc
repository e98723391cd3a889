// Guarantee 8 in src/GUARANTEES.md: whatever was done to the runs folder while no daemon ran, the
// next one opens a journal in which SQLite and the files agree, and says what it did.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/support/daemon_fixture.h"

namespace stagelog {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecoveryTest : public DaemonTest {
 protected:
  void SetUp() override {
    Start();
    for (int i = 0; i < 5; ++i) {
      AppendLogs("one", 3);
      AppendLogs("two", 2);
    }
    before_one_ = Lines("one");
    before_two_ = Lines("two");
    head_ = HeadSeq();
    ASSERT_EQ(head_, 25);
    journal_id_ = JournalId();
  }

  std::string JournalId() {
    SseClient stream = OpenStream("/api/v1/events/stream");
    const auto connected = stream.NextNamed("connected");
    EXPECT_TRUE(connected);
    return connected ? Json::parse(connected->data).value("journal_id", "") : "";
  }

  // After a restart: every event is where it was, and new ones come after.
  void ExpectNothingWasLost() {
    EXPECT_THAT(Lines("one"), ElementsAreArray(before_one_));
    EXPECT_THAT(Lines("two"), ElementsAreArray(before_two_));
    EXPECT_EQ(EventBodies(admin().Get("/api/v1/jobs/one/events?after=0").body), before_one_);
    EXPECT_EQ(JournalId(), journal_id_);
    const Json next = Append("one", R"({"type":"log","message":"and on"})");
    EXPECT_GT(SeqOf(next), head_);
    EXPECT_EQ(next.at("job_seq"), static_cast<int64_t>(before_one_.size()) + 1);
  }

  // Names in the job's folder that begin with `prefix`.
  std::vector<std::string> FilesOf(const std::string& folder, const std::string& prefix) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(prefix)) names.push_back(name);
    }
    return names;
  }

  void RemoveDatabase() const {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(runs_dir() + "/stagelog.db" + suffix);
    }
  }

  static void WriteAll(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::string PathOfOne() const { return EventsFileOf(runs_dir(), "one"); }

  std::vector<std::string> before_one_;
  std::vector<std::string> before_two_;
  int64_t head_ = 0;
  std::string journal_id_;
};

TEST_F(RecoveryTest, ARestartKeepsEverything) {
  Stop();
  EXPECT_THAT(FindDisagreements(runs_dir()), IsEmpty());
  Start();
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, AKilledDaemonsWorkIsThere) {
  daemon_->Kill9();
  Start();
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, AnEventIdIsRememberedOverARestart) {
  const std::string event = R"({"type":"log","message":"m","event_id":"e-1"})";
  const Json original = Append("one", event);
  Stop();
  Start();
  const HttpResponse again = admin().Post("/api/v1/jobs/one/events", event);
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(Json::parse(again.body).at("seq"), original.at("seq"));
}

TEST_F(RecoveryTest, AStreamGoesOnAfterARestart) {
  Stop();
  Start();
  SseClient stream = OpenStream("/api/v1/events/stream", {{"Last-Event-ID", "24"}});
  const auto frame = stream.NextEvent();
  ASSERT_TRUE(frame) << frame.error().message;
  EXPECT_EQ(frame->event, "message");
  EXPECT_EQ(frame->last_event_id, "25");
}

TEST_F(RecoveryTest, ATornLastLineIsRepaired) {
  daemon_->Kill9();
  std::filesystem::resize_file(PathOfOne(), std::filesystem::file_size(PathOfOne()) - 40);
  Start();
  ExpectNothingWasLost();
  EXPECT_THAT(FilesOf(runs_dir() + "/one", "events.jsonl."), IsEmpty());
}

TEST_F(RecoveryTest, HalfALineTooMuchIsCutOff) {
  daemon_->Kill9();
  std::ofstream(PathOfOne(), std::ios::app) << R"({"seq":26,"job_id":"one","job_s)";
  Start();
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, WhatAFileLacksIsAppended) {
  daemon_->Kill9();
  std::string text;
  for (size_t i = 0; i < 4; ++i) text += before_one_[i] + "\n";
  WriteAll(PathOfOne(), text);
  std::filesystem::remove_all(runs_dir() + "/two");
  Start();
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, AFileEditedByHandIsSetAside) {
  Stop();
  std::string text = ReadAll(PathOfOne());
  text[text.find("\"message\":\"2\"") + 11] = '7';
  WriteAll(PathOfOne(), text);
  Start();
  const std::vector<std::string> aside = FilesOf(runs_dir() + "/one", "events.jsonl.diverged-");
  ASSERT_THAT(aside, SizeIs(1));
  EXPECT_EQ(ReadAll(runs_dir() + "/one/" + aside[0]), text);
  EXPECT_THAT(admin().Get("/readyz").body, HasSubstr(aside[0]));
  ExpectNothingWasLost();
  Stop();
  EXPECT_THAT(daemon_->StderrText(), HasSubstr(aside[0]));
}

TEST_F(RecoveryTest, ALineTakenOutOfTheMiddleIsSeen) {
  Stop();
  std::string text;
  for (size_t i = 0; i < before_one_.size(); ++i) {
    if (i != 3) text += before_one_[i] + "\n";
  }
  WriteAll(PathOfOne(), text);
  Start();
  EXPECT_THAT(FilesOf(runs_dir() + "/one", "events.jsonl.diverged-"), SizeIs(1));
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, ADatabaseThatIsGoneIsRebuilt) {
  Stop();
  RemoveDatabase();
  Start();
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, ADatabaseThatIsGoneAfterAKillIsRebuilt) {
  daemon_->Kill9();
  RemoveDatabase();
  Start();
  ExpectNothingWasLost();
}

// Guarantee 3 in src/GUARANTEES.md, where a power cut took the database and the end of a file:
// whoever has seen seq 25 must never see another event under that number, not even after a further
// restart.
TEST_F(RecoveryTest, ASeqIsNeverGivenTwice) {
  daemon_->Kill9();
  RemoveDatabase();
  std::string text;
  for (size_t i = 0; i + 1 < before_two_.size(); ++i) text += before_two_[i] + "\n";
  WriteAll(EventsFileOf(runs_dir(), "two"), text);
  Start();
  Stop();
  Start();
  daemon_->Kill9();
  Start();
  EXPECT_GT(SeqOf(Append("two", R"({"type":"log","message":"and on"})")), head_);
}

TEST_F(RecoveryTest, ADatabaseThatIsGarbageIsSetAsideAndRebuilt) {
  Stop();
  RemoveDatabase();
  WriteAll(runs_dir() + "/stagelog.db", std::string(100'000, 'z'));
  Start();
  EXPECT_THAT(FilesOf(runs_dir(), "stagelog.db.corrupt-"), SizeIs(1));
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, ADatabaseThatIsCutShortIsRebuilt) {
  Stop();
  const std::string path = runs_dir() + "/stagelog.db";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  Start();
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, TheStateOfAJobSurvivesARebuild) {
  Append("one", R"({"type":"job_completed"})");
  const Json state = GetJson("/api/v1/jobs/one");
  Stop();
  RemoveDatabase();
  Start();
  EXPECT_EQ(GetJson("/api/v1/jobs/one"), state);
}

TEST_F(RecoveryTest, ASecondDaemonIsRefusedThoughTheLockFileIsGone) {
  ASSERT_TRUE(std::filesystem::remove(runs_dir() + "/stagelog.lock"));
  const auto second = DaemonProcess::Spawn({.runs_dir = runs_dir(),
                                            .config_path = directory_.Path("operator.yaml"),
                                            .stderr_path = directory_.Path("stderr-of-the-second"),
                                            .host = "127.0.0.1",
                                            .port = 0});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ((*second)->WaitForExit(std::chrono::seconds(20)), 1);
  EXPECT_THAT((*second)->StderrText(), HasSubstr(runs_dir() + " is in use by"));
  ExpectNothingWasLost();
}

TEST_F(RecoveryTest, ASecondDaemonIsRefusedByNameAndPid) {
  const auto second = DaemonProcess::Spawn({.runs_dir = runs_dir(),
                                            .config_path = directory_.Path("operator.yaml"),
                                            .stderr_path = directory_.Path("stderr-of-the-second"),
                                            .host = "127.0.0.1",
                                            .port = 0});
  ASSERT_TRUE(second) << second.error().message;
  const std::optional<int> code = (*second)->WaitForExit(std::chrono::seconds(20));
  ASSERT_TRUE(code);
  EXPECT_NE(*code, 0);
  EXPECT_LT(*code, 128);
  EXPECT_THAT((*second)->StderrText(), HasSubstr(std::to_string(daemon_->pid())));
  EXPECT_THAT((*second)->StderrText(), HasSubstr("stagelogd"));
  ExpectNothingWasLost();
}

}  // namespace
}  // namespace stagelog
