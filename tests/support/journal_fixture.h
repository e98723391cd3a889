// A journal on a disk that fails when told to, with a small language to tell stories about it:
// Open(), Append(...), Crash(), ExpectAgreement().
#ifndef STAGELOG_TESTS_SUPPORT_JOURNAL_FIXTURE_H_
#define STAGELOG_TESTS_SUPPORT_JOURNAL_FIXTURE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "archive/archiver.h"
#include "base/logging.h"
#include "log/event_logger.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {

// Remembers what was announced.
class RecordingListener : public CommitListener {
 public:
  void OnCommit(const CommittedBatchPointer& batch) override { batches.push_back(batch); }
  void OnJobDeleted(const std::string& job_id, int64_t seq) override {
    deleted_jobs.push_back(job_id);
    deletion_seqs.push_back(seq);
  }

  std::vector<int64_t> Seqs() const;

  std::vector<CommittedBatchPointer> batches;
  std::vector<std::string> deleted_jobs;
  std::vector<int64_t> deletion_seqs;
};

EventDraft LogDraft(const std::string& job_id, const std::string& message,
                    const std::string& event_id = "");
EventDraft TypedDraft(const std::string& job_id, const std::string& type);

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    SetLogLevel(LogLevel::kOff);
    options_.table_delay_micros = 0;  // the same turn writes them
  }

  // A journal in the folder of the test. Fails the test when it does not open.
  void Open();
  Status TryOpen();
  void Close();

  // Cuts the power while the journal is open; what was not synced is lost (a random part of it with
  // a seed). Open() comes next.
  void Crash(std::optional<uint64_t> seed = std::nullopt);

  // Appends and lets the writer run until the answer is there.
  AppendOutcome Append(std::vector<EventDraft> drafts,
                       std::optional<Precondition> precondition = std::nullopt);
  AppendOutcome Append(EventDraft draft);
  AppendOutcome Log(const std::string& job_id, const std::string& message,
                    const std::string& event_id = "");

  // Lets the time pass after which a failed journal tries again, and lets it try.
  void WaitForRetry();

  // Calls `life` with 1, 2, 3 and so on, each time with a new journal that is open, and closes
  // that, until `life` says that it has taken fewer operations of the disk, or the test has failed.
  void ForEachOperation(const std::function<void(size_t nth, size_t& operations)>& life);

  std::string FilePath(const std::string& job_id) const;
  std::vector<std::string> FileLines(const std::string& job_id) const;
  std::string FileText(const std::string& job_id) const;
  void WriteFileText(const std::string& job_id, const std::string& text) const;
  std::vector<std::string> Bodies(const std::string& job_id);

  // Lets obstructed files be repaired; the obstacles are gone.
  void RepairFiles();

  // After RepairFiles(): SQLite and the file of each of the jobs hold the same lines, chained and
  // without a hole, seq and ts grow over all of them, and each job's state is what they add up to.
  void ExpectAgreement();

  // What another program may do to the database, the journal open or closed.
  void Execute(const std::string& sql) const;
  int64_t Query(const std::string& sql) const;

  TemporaryDirectory directory_;
  std::string runs_ = directory_.Path("runs");
  FaultFileSystem files_;
  ManualClock clock_;
  EventLoggerOptions options_;
  RetentionOptions retention_;  // nothing goes
  std::unique_ptr<MetricsRegistry> metrics_;
  RecordingListener listener_;
  std::unique_ptr<Archiver> archiver_;
  std::unique_ptr<EventLogger> logger_;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_JOURNAL_FIXTURE_H_
