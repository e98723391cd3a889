// Decides which events and jobs are old enough to be dropped, compressed or deleted.
#ifndef STAGELOG_ARCHIVE_RETENTION_H_
#define STAGELOG_ARCHIVE_RETENTION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "archive/event_trimmer.h"
#include "base/file_system.h"
#include "log/table/event_table.h"

namespace stagelog {

// 0 everywhere: nothing ever goes.
struct RetentionOptions {
  int64_t events_days = 0;         // SQLite keeps events that are not older
  int64_t max_events_per_job = 0;  // and so many of a job that ended more than an hour ago
  int64_t compress_days = 0;       // the file of a job that ended earlier is compressed
  int64_t runs_days = 0;           // a job that ended earlier is deleted
  int64_t interval_micros = int64_t{600} * 1'000'000;  // from one look at the jobs to the next

  bool IsOn() const {
    return events_days > 0 || max_events_per_job > 0 || compress_days > 0 || runs_days > 0;
  }
};

// One thing to be done.
struct RetentionAction {
  TrimPlan trim;
  std::string compress_job;  // instead, when not empty
  std::string delete_job;    // instead, when not empty
  int64_t event_count = 0;
};

// Examines every job once per pass, in slices. Writer thread only. Throws SQLite::Exception.
class Retention {
 public:
  Retention(RetentionOptions options, FileSystem& files, std::string runs_dir)
      : options_(options), files_(files), runs_dir_(std::move(runs_dir)) {}

  const RetentionOptions& options() const { return options_; }

  // `now_micros` is the wall clock's: what is old is judged by it for the whole pass.
  void BeginPass(EventTable& table, int64_t now_micros);
  bool IsRunning() const { return is_running_; }
  void Abandon() { is_running_ = false; }

  // Looks at some jobs and returns what is to be done with them. The pass ends with the last one.
  std::vector<RetentionAction> Look(EventTable& table);

 private:
  void Judge(EventTable& table, const JobAge& job, std::vector<RetentionAction>& actions) const;
  std::optional<RetentionAction> JudgeEvents(EventTable& table, const JobAge& job,
                                             int64_t over_for) const;
  bool HasPlainFile(const std::string& job_id) const;

  const RetentionOptions options_;
  FileSystem& files_;
  const std::string runs_dir_;
  bool is_running_ = false;
  int64_t now_micros_ = 0;
  int64_t old_through_seq_ = 0;  // events up to here are older than events_days
  int64_t after_first_seq_ = 0;  // jobs up to this one were looked at
};

}  // namespace stagelog

#endif  // STAGELOG_ARCHIVE_RETENTION_H_
