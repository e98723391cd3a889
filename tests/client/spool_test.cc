// The spool of a job: shared by processes, torn by crashes, removed under the feet of appenders.
#include "client/spool.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "client/outbox.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/temporary_directory.h"

namespace stagelog::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SpoolTest : public ::testing::Test {
 protected:
  void Append(const std::string& lines) {
    const auto place = SpoolWriter(folder_).Append(lines);
    ASSERT_TRUE(place) << place.error().message;
  }

  std::vector<std::string> Next(SpoolReader& reader, size_t max_lines = 100,
                                size_t max_bytes = 1'000'000) {
    EXPECT_TRUE(reader.Lock().value_or(false));
    const auto next = reader.Next(max_lines, max_bytes);
    EXPECT_TRUE(next) << next.error().message;
    end_ = next ? next->end : 0;
    return next ? next->lines : std::vector<std::string>();
  }

  bool IsThere(const std::string& name) { return std::filesystem::exists(folder_ + "/" + name); }
  std::string Path(const std::string& name) { return folder_ + "/" + name; }

  TemporaryDirectory directory_;
  std::string folder_ = directory_.Path("spool/j");
  uint64_t end_ = 0;
};

TEST_F(SpoolTest, GivesWhatIsNotSentAndNothingTwice) {
  Append("a\nb\n");
  Append("c\n");
  SpoolReader reader(folder_);
  EXPECT_THAT(Next(reader, 2), ElementsAre("a", "b"));
  EXPECT_THAT(Next(reader, 2), ElementsAre("a", "b")) << "not marked";
  ASSERT_TRUE(reader.MarkSent(end_));
  EXPECT_THAT(Next(reader, 2), ElementsAre("c"));
  reader.Unlock();
  SpoolReader later(folder_);
  EXPECT_THAT(Next(later), ElementsAre("c"));
  EXPECT_EQ(SummarizeSpool(directory_.Path("spool"), "j").events, 1U);
  EXPECT_FALSE(later.RemoveIfSent());
  ASSERT_TRUE(later.MarkSent(end_));
  EXPECT_TRUE(later.RemoveIfSent());
  later.Unlock();
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(SpoolTest, ALineLongerThanABatchComesAlone) {
  const std::string line(10'000, 'x');
  Append("a\n" + line + "\nb\n");
  SpoolReader reader(folder_);
  EXPECT_THAT(Next(reader, 100, 100), ElementsAre("a"));
  ASSERT_TRUE(reader.MarkSent(end_));
  EXPECT_EQ(Next(reader, 100, 100).front(), line);
  ASSERT_TRUE(reader.MarkSent(2 + line.size() + 1));
  EXPECT_THAT(Next(reader, 100, 100), ElementsAre("b"));
}

TEST_F(SpoolTest, ATornLineIsCutByTheNextAppenderOrAtTheEnd) {
  Append("a\n");
  std::ofstream(Path("events.ndjson"), std::ios::app) << "{\"torn";
  SpoolReader reader(folder_);
  EXPECT_THAT(Next(reader), ElementsAre("a"));
  Append("b\n");
  EXPECT_EQ(ReadAll(Path("events.ndjson")), "a\nb\n");
  EXPECT_THAT(Next(reader), ElementsAre("a", "b"));
  ASSERT_TRUE(reader.MarkSent(end_));
  std::ofstream(Path("events.ndjson"), std::ios::app) << "{\"torn";
  EXPECT_TRUE(reader.RemoveIfSent());
  EXPECT_FALSE(IsThere("events.ndjson"));
}

TEST_F(SpoolTest, AnOffsetThatCannotBeIsNoneAndEverythingIsSentAgain) {
  Append("a\nb\n");
  for (const std::string text : {"99\n", "x\n", "", "2", "2\n", "2 0\n", "-1\n"}) {
    std::ofstream(Path("sent"), std::ios::trunc) << text;
    SpoolReader reader(folder_);
    EXPECT_THAT(Next(reader), ElementsAre("a", "b")) << text;
  }
}

TEST_F(SpoolTest, OneSendsAndTheOtherIsTold) {
  SpoolReader one(folder_);
  SpoolReader other(folder_);
  EXPECT_TRUE(one.Lock().value_or(false));
  EXPECT_FALSE(other.Lock().value_or(true));
  one.Unlock();
  EXPECT_TRUE(other.Lock().value_or(false)) << "also where the lock's file was removed";
  SpoolReader nowhere("/dev/null/x");
  EXPECT_FALSE(nowhere.Lock());
}

TEST_F(SpoolTest, AnAppenderWhoseFileWasRemovedAppendsToANewOne) {
  SpoolWriter writer(folder_);
  ASSERT_TRUE(writer.Append("a\n"));
  SpoolReader reader(folder_);
  EXPECT_THAT(Next(reader), ElementsAre("a"));
  ASSERT_TRUE(reader.MarkSent(end_));
  ASSERT_TRUE(reader.RemoveIfSent());
  reader.Unlock();
  ASSERT_TRUE(writer.Append("b\n"));
  EXPECT_THAT(Next(reader), ElementsAre("b"));
}

TEST_F(SpoolTest, FilesThatSomebodyRemovedByHandAreMadeAnew) {
  Append("a\nb\n");
  SpoolReader reader(folder_);
  EXPECT_THAT(Next(reader, 1), ElementsAre("a"));
  ASSERT_TRUE(reader.MarkSent(end_));
  std::filesystem::rename(Path("events.ndjson"), Path("elsewhere"));
  std::filesystem::remove(Path("elsewhere"));
  EXPECT_THAT(Next(reader), IsEmpty());
  Append("c\nd\n");
  EXPECT_THAT(Next(reader), ElementsAre("c", "d"));
}

// Processes append while another one sends, removes and lets go all the time.
TEST_F(SpoolTest, NothingIsLostOrDoubledBetweenProcesses) {
  constexpr int kProcesses = 4;
  constexpr int kLines = 2'000;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      SpoolWriter writer(folder_);
      for (int line = 0; line < kLines; ++line) {
        if (!writer.Append(std::to_string(process) + " " + std::to_string(line) + "\n")) ::_exit(1);
      }
      ::_exit(0);
    }
    children.push_back(pid);
  }
  std::vector<std::string> got;
  bool have_ended = false;
  for (size_t ended = 0; !have_ended;) {
    while (ended < children.size() && ::waitpid(children[ended], nullptr, WNOHANG) > 0) ++ended;
    have_ended = ended == children.size();  // looked at before the last round
    SpoolReader reader(folder_);
    for (auto lines = Next(reader, 50); !lines.empty(); lines = Next(reader, 50)) {
      got.insert(got.end(), lines.begin(), lines.end());
      ASSERT_TRUE(reader.MarkSent(end_));
    }
    reader.RemoveIfSent();
    reader.Unlock();
    if (reader.HasUnsent()) have_ended = false;
  }
  ASSERT_EQ(got.size(), static_cast<size_t>(kProcesses * kLines));
  std::vector<int> next(kProcesses, 0);
  for (const std::string& line : got) {
    const int process = line.front() - '0';
    EXPECT_EQ(line.substr(2), std::to_string(next[static_cast<size_t>(process)]++));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(SpoolTest, WhatCannotBeReadIsNotTakenForNothing) {
  Append("a\n");
  const std::string root = directory_.Path("spool");
  EXPECT_THAT(SpooledJobs(root).value(), ElementsAre("j"));
  EXPECT_THAT(SpooledJobs(directory_.Path("none")).value(), IsEmpty());
  EXPECT_EQ(SummarizeSpool(root, "j").problem, "");
  EXPECT_EQ(SummarizeSpool(root, "none").problem, "");
  std::filesystem::rename(Path("events.ndjson"), Path("kept"));
  std::filesystem::create_symlink("kept", Path("events.ndjson"));
  EXPECT_THAT(SummarizeSpool(root, "j").problem, HasSubstr("/j/events.ndjson"));
  std::filesystem::create_symlink("loop", directory_.Path("loop"));
  const auto jobs = SpooledJobs(directory_.Path("loop"));
  ASSERT_FALSE(jobs);
  EXPECT_EQ(jobs.error().code, ExitCode::kBadFile);
  EXPECT_THAT(jobs.error().message, HasSubstr(directory_.Path("loop")));
}

class OutboxTest : public SpoolTest {
 protected:
  std::unique_ptr<Outbox> Make(const std::string& folder, size_t max_memory_bytes = 1'000) {
    return std::make_unique<Outbox>(folder, max_memory_bytes,
                                    [this](const std::string& text) { said_.push_back(text); });
  }

  static SpoolEvents Events(const std::vector<std::string>& lines, bool are_logs = true) {
    SpoolEvents events;
    for (const std::string& line : lines) events.push_back({line, are_logs});
    return events;
  }

  std::vector<std::string> Drain(Outbox& outbox) {
    std::vector<std::string> lines;
    while (true) {
      const OutboxBatch batch = outbox.Next(2, 1'000);
      if (batch.lines.empty()) return lines;
      lines.insert(lines.end(), batch.lines.begin(), batch.lines.end());
      outbox.Taken(batch);
    }
  }

  std::vector<std::string> said_;
};

TEST_F(OutboxTest, WithoutAPlaceForASpoolEventsAreKeptInMemoryAndTheNewestLogLinesGiveWay) {
  const auto outbox = Make("/dev/null/spool/j", 10);
  outbox->Add(Events({"aaaaa", "bbbbb", "ccccc"}));
  outbox->Add(Events({"lifecycle"}, false));
  outbox->Add(Events({"d"}));
  EXPECT_EQ(said_.size(), 1U);
  EXPECT_THAT(said_.front(), HasSubstr("Not a directory"));
  EXPECT_THAT(Drain(*outbox), ElementsAre("aaaaa", "bbbbb", "lifecycle"));
  const Outbox::Rest rest = outbox->Settle();
  EXPECT_EQ(rest.lost, 2U);
  EXPECT_EQ(rest.waiting, 0U);
}

TEST_F(OutboxTest, WhatCouldNeitherBeSentNorSpooledIsCounted) {
  const auto outbox = Make("");
  outbox->Add(Events({"a", "b"}));
  EXPECT_THAT(said_.front(), HasSubstr("HOME"));
  ::setenv("TMPDIR", "/dev/null", 1);
  EXPECT_EQ(outbox->Settle().lost, 2U);
  ::unsetenv("TMPDIR");
}

// A disk that is full, as long as this lives.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    before_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    rlimit full = limit_;
    full.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &full);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    std::signal(SIGXFSZ, before_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit limit_{};
  void (*before_)(int) = nullptr;
};

TEST_F(OutboxTest, ADiskThatBecomesFullTearsNoLineAndLosesNoOrder) {
  const auto outbox = Make(folder_);
  outbox->Add(Events({"a", "b"}));
  {
    const FullDisk full(7);
    outbox->Add(Events({"cccccc", "d"}));
  }
  outbox->Add(Events({"e"}));
  EXPECT_EQ(ReadAll(Path("events.ndjson")), "a\nb\n");
  EXPECT_EQ(said_.size(), 1U);
  EXPECT_THAT(Drain(*outbox), ElementsAre("a", "b", "cccccc", "d", "e"));
  EXPECT_TRUE(outbox->Leave());
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(OutboxTest, WhatIsInMemoryGoesToTheSpoolAtTheEndWhereThereIsRoomAgain) {
  const auto outbox = Make(folder_);
  {
    const FullDisk full(1);
    outbox->Add(Events({"a", "b"}));
  }
  const Outbox::Rest rest = outbox->Settle();
  EXPECT_EQ(rest.lost, 0U);
  EXPECT_EQ(rest.waiting, 2U);
  EXPECT_EQ(ReadAll(Path("events.ndjson")), "a\nb\n");
}

TEST_F(OutboxTest, WhatIsInMemoryWaitsForWhatAnotherProcessSends) {
  const auto outbox = Make(folder_);
  SpoolReader other(folder_);
  ASSERT_TRUE(other.Lock().value_or(false));
  outbox->Add(Events({"a"}));
  {
    const FullDisk full(1);
    outbox->Add(Events({"bb"}));
  }
  EXPECT_EQ(outbox->Next(10, 100).kind, OutboxBatch::Kind::kBusy);
  EXPECT_THAT(Next(other), ElementsAre("a"));
  ASSERT_TRUE(other.MarkSent(end_));
  EXPECT_THAT(Drain(*outbox), ElementsAre("bb"));
}

TEST_F(OutboxTest, ARefusedEventIsKeptWithItsReason) {
  const auto outbox = Make(folder_);
  outbox->Add(Events({R"({"type":"x"})", "no json \xff"}));
  for (int i = 0; i < 2; ++i) outbox->Refused(outbox->Next(1, 100), R"({"code":"c"})");
  EXPECT_THAT(Drain(*outbox), IsEmpty());
  EXPECT_TRUE(outbox->Leave());
  EXPECT_EQ(ReadAll(Path("refused.ndjson")),
            "{\"reason\":{\"code\":\"c\"},\"event\":{\"type\":\"x\"}}\n"
            "{\"reason\":{\"code\":\"c\"},\"event\":\"no json \ufffd\"}\n");
  EXPECT_EQ(SummarizeSpool(directory_.Path("spool"), "j").refused, 2U);
}

}  // namespace
}  // namespace stagelog::cli
