// Reads committed events: the only read path of polls, streams behind the ring, and listings.
#ifndef STAGELOG_LOG_TABLE_EVENT_READER_H_
#define STAGELOG_LOG_TABLE_EVENT_READER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/mutex.h"
#include "base/result.h"
#include "core/event_source.h"
#include "core/job_machine.h"
#include "core/job_source.h"
#include "core/job_state.h"
#include "log/table/job_tables.h"

namespace stagelog {

// Sees every event that was acknowledged before the call: a read of one job looks through the tail
// that the tables do not list yet, what lists jobs or gates waits for the tables, and fails where
// these do not come. While the journal is closed it shows what there is. Safe from any thread but,
// once there is a writer, the writing one; each call uses its own connection from a small pool and
// one short transaction, so that the write-ahead log can always be reset.
class EventReader : public EventSource, public JobSource {
 public:
  // `on_corruption` is called if SQLite reports that the database is damaged. `files` has the
  // events.jsonl beside the database; `on_lost_line` is called with the job if its file lacks a
  // line that exists only there.
  using OnLostLine = std::function<void(const std::string& job_id)>;
  // JobTables::Await()
  using AwaitTables =
      std::function<JobTables::Wait(int64_t max_lag_events, int64_t timeout_micros)>;
  EventReader(std::string path, std::string vfs, Clock& clock, std::function<void()> on_corruption,
              FileSystem& files = RealFileSystem(), AwaitTables await_tables = nullptr,
              OnLostLine on_lost_line = nullptr);
  ~EventReader() override;

  Result<Page> Read(const ReadRequest& request) override;
  Result<int64_t> SeqAtTime(int64_t micros) override;
  Result<int64_t> MostEventsOf(const std::string& job_id) override;
  Result<std::optional<JobState>> FindJob(const std::string& job_id,
                                          int64_t through_seq = INT64_MAX) override;
  Result<std::vector<JobListing>> ListJobs(const JobListRequest& request) override;
  Result<std::vector<LabelCount>> CountByLabel(const std::string& key, size_t max_values) override;
  Result<std::vector<GateListing>> ListGates(const GateListRequest& request) override;
  Status AdvanceJob(JobState& state, StateChanges* changes,
                    int64_t through_seq = INT64_MAX) override;
  Result<std::vector<std::string>> JobsChangedAfter(int64_t seq) override;
  Result<JobCensus> CountJobs() override;
  bool MustWait() override;

  // The database file was replaced: connections to the old one are not used again.
  void Reopen();

 private:
  class Connection;

  // The tail that a read of one job looks through. What needs the rows of many jobs waits for all.
  static constexpr int64_t kMaxTailEvents = 20'000;
  static constexpr int64_t kWaitMicros = 5'000'000;

  Status AwaitAll(bool must_be_current = false);
  void AwaitMost();

  // Runs `use` in a transaction on a connection and turns its exceptions into a failure.
  template <typename T>
  Result<T> WithConnection(const std::function<T(Connection&)>& use);
  std::unique_ptr<Connection> Borrow();
  void GiveBack(std::unique_ptr<Connection> connection);

  const std::string path_;
  const std::string vfs_;
  Clock& clock_;
  const std::function<void()> on_corruption_;
  FileSystem& files_;
  const AwaitTables await_tables_;
  const OnLostLine on_lost_line_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_ STAGELOG_GUARDED_BY(mutex_);
  int64_t generation_ STAGELOG_GUARDED_BY(mutex_) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_LOG_TABLE_EVENT_READER_H_
