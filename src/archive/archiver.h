// When retention runs, and for whom.
#ifndef STAGELOG_ARCHIVE_ARCHIVER_H_
#define STAGELOG_ARCHIVE_ARCHIVER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "archive/retention.h"
#include "archive/retention_pass.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "base/mutex.h"
#include "core/retention_runner.h"
#include "log/event_logger.h"
#include "log/maintenance_task.h"

namespace stagelog {

// Runs passes over all jobs, one at a time: one for each call of RunRetention(), in their order,
// and one whenever the interval is over and anything can be due. A task of the logger's: everything
// but RunRetention() is called on its writing thread.
class Archiver : public RetentionRunner, public MaintenanceTask {
 public:
  // Outlives logger.Stop(), after which it is not called any more. The caller adds it to the
  // logger.
  Archiver(RetentionOptions options, EventLogger& logger, FileSystem& files,
           const std::string& runs_dir, Clock& clock, MetricsRegistry& metrics);

  // Refused while the journal cannot be written to. Where it is closed before the pass is over, or
  // the daemon stops, the answer is a refusal with the outcome unknown.
  void RunRetention(bool dry_run, RetentionDone done) override;

  bool HasWork() const override;
  int64_t NextDueMicros() const override;
  Status Step(WriterAccess& access) override;
  void Abandon(const std::string& problem) override;

 private:
  struct Call {
    bool dry_run = false;
    RetentionDone done;
  };

  bool IsDue() const;
  std::optional<Call> TakeCall();
  void Begin(EventTable& table);
  void Finish();

  const RetentionOptions options_;
  EventLogger& logger_;
  Clock& clock_;
  RetentionPass pass_;
  std::optional<Call> call_;      // who asked for the pass that is under way
  int64_t next_pass_micros_ = 0;  // monotonic

  mutable Mutex mutex_;
  std::deque<Call> calls_ STAGELOG_GUARDED_BY(mutex_);  // that wait for a pass
};

}  // namespace stagelog

#endif  // STAGELOG_ARCHIVE_ARCHIVER_H_
