// One pass of retention over all jobs.
#ifndef STAGELOG_ARCHIVE_RETENTION_PASS_H_
#define STAGELOG_ARCHIVE_RETENTION_PASS_H_

#include <cstdint>
#include <deque>
#include <string>

#include "archive/event_trimmer.h"
#include "archive/job_compressor.h"
#include "archive/retention.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "base/result.h"
#include "core/retention_runner.h"
#include "log/writer_access.h"

namespace stagelog {

// Looks at some jobs, does what is to be done with them, one thing after the other, and goes on to
// the next. A dry run only looks. Writing thread only.
class RetentionPass {
 public:
  RetentionPass(RetentionOptions options, FileSystem& files, const std::string& runs_dir,
                MetricsRegistry& metrics);

  // `now_micros` is the wall clock's. Throws SQLite::Exception.
  void Begin(EventTable& table, int64_t now_micros, bool dry_run);
  bool IsRunning() const { return is_running_; }

  // One slice. After a failure, or if this throws SQLite::Exception, the journal has to be
  // reopened. A file that cannot be compressed is no failure: it is left as it is until the next
  // pass.
  Status Step(WriterAccess& access);

  // Of the pass that has ended.
  RetentionReport TakeReport() { return std::move(report_); }

  void Abandon();

 private:
  void Plan(EventTable& table);
  Status BeginAction(WriterAccess& access, const RetentionAction& action);
  Status DeleteIfUnchanged(WriterAccess& access, const RetentionAction& action);
  void BeginCompression(WriterAccess& access, const RetentionAction& action);
  void StepTrimming(WriterAccess& access);
  void StepCompression(WriterAccess& access);
  void AddToReport(const RetentionAction& action);

  Counter& events_dropped_total_;
  Counter& jobs_compressed_total_;
  Counter& compression_saved_bytes_total_;
  Counter& compression_failures_total_;
  Retention retention_;
  EventTrimmer trimmer_;
  JobCompressor compressor_;
  bool is_running_ = false;
  std::deque<RetentionAction> actions_;  // found and not begun
  RetentionReport report_;
};

}  // namespace stagelog

#endif  // STAGELOG_ARCHIVE_RETENTION_PASS_H_
