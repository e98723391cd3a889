// Journals that earlier versions left open as they were: every event with its seq and hash, and the
// state of every job after every event.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "core/event_codec.h"
#include "core/job_state_json.h"
#include "tests/support/journal_evidence.h"
#include "tests/support/journal_fixture.h"

namespace stagelog {
namespace {

namespace fs = std::filesystem;

class OldJournalTest : public JournalTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    // After the newest event.
    clock_.AdvanceMicros(int64_t{10} * 365 * 86'400 * 1'000'000);
    fs::copy(Folder(), runs_, fs::copy_options::recursive);
    fs::remove(runs_ + "/expected.jsonl");
    const std::vector<std::string> jobs = JobFolders();
    for (const std::string& job : jobs) before_[job] = FileText(job);
  }

  static std::string Folder() { return std::string(STAGELOG_VECTORS) + "/" + GetParam(); }

  std::vector<std::string> JobFolders() const {
    std::vector<std::string> jobs;
    for (const auto& entry : fs::directory_iterator(runs_)) {
      if (entry.is_directory()) jobs.push_back(entry.path().filename().string());
    }
    return jobs;
  }

  // The state of each job after each of its events, one JSON text a line.
  std::string States() {
    std::string text;
    for (const auto& [job, unused] : before_) {
      for (int64_t seq = 1; seq <= logger_->GetStatus().head_seq; ++seq) {
        const auto state = logger_->reader().FindJob(job, seq);
        EXPECT_TRUE(state) << state.error().message;
        if (!state || !*state || (**state).as_of_seq != seq) continue;  // another job's event
        text += R"({"job":")" + job + R"(","at_seq":)" + std::to_string(seq) +
                ",\"state\":" + EncodeJobState(**state) + "}\n";
      }
    }
    return text;
  }

  std::map<std::string, std::string> before_;  // the plain text of each job's file
};

TEST_P(OldJournalTest, OpensAsItWas) {
  Open();
  const JournalStatus status = logger_->GetStatus();
  EXPECT_TRUE(status.writable);
  EXPECT_TRUE(status.set_aside.empty());
  EXPECT_TRUE(status.obstructed_files.empty());
  for (const auto& [job, text] : before_) EXPECT_EQ(FileText(job), text) << job;
  ExpectAgreement();
  EXPECT_TRUE(logger_->IsDeleted("gone"));
  for (const auto& [job, unused] : before_) {  // as that version's daemon wrote it
    EXPECT_EQ(EncodeJobState(**logger_->reader().FindJob(job)) + "\n",
              ReadAll(Folder() + "/" + job + "/state.json"));
  }
  const std::string states = States();
  if (const char* path = std::getenv("STAGELOG_WRITE_EXPECTED")) std::ofstream(path) << states;
  EXPECT_EQ(states, ReadAll(Folder() + "/expected.jsonl"));
}

TEST_P(OldJournalTest, GoesOnWhereItEnded) {
  Open();
  const int64_t head = logger_->GetStatus().head_seq;
  for (const auto& [job, text] : before_) {
    ASSERT_TRUE(Log(job, "after")) << job;
    EXPECT_TRUE(FileText(job).starts_with(text)) << job;
  }
  EXPECT_GT(logger_->GetStatus().head_seq, head);
  const AppendOutcome again = Log("p-2", "two", "own-id");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->front().duplicate);
  ExpectAgreement();
  Close();
  Open();
  ExpectAgreement();
}

TEST_P(OldJournalTest, IsRebuiltFromItsFiles) {
  Open();
  const std::string states = States();
  Close();
  for (const char* part : {"", "-wal", "-shm"}) fs::remove(runs_ + "/stagelog.db" + part);
  Open();
  EXPECT_EQ(States(), states);
  ExpectAgreement();
}

// The power fails at any point while its tables become those of today.
TEST_P(OldJournalTest, MayBeInterruptedWhileItIsOpenedForTheFirstTime) {
  Open();
  const std::string states = States();
  Close();
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE(nth);
    Crash();  // so that the disk forgets about the files that are replaced now
    fs::remove_all(runs_);
    fs::copy(Folder(), runs_, fs::copy_options::recursive);
    fs::remove(runs_ + "/expected.jsonl");
    files_.Inject({.nth = nth, .until_healed = true, .torn_bytes = nth % 1'000});
    const bool was_opened = TryOpen().has_value();
    files_.Heal();
    Crash(nth % 3 == 0 ? std::optional<uint64_t>() : nth);
    Open();
    EXPECT_EQ(States(), states);
    ExpectAgreement();
    Close();
    if (was_opened || HasFailure()) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Schemas, OldJournalTest, ::testing::Values("journal_schema_6"),
                         [](const auto& parameter) { return std::string(parameter.param); });

}  // namespace
}  // namespace stagelog
