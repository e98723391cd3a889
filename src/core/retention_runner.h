// Runs retention on demand.
#ifndef STAGELOG_CORE_RETENTION_RUNNER_H_
#define STAGELOG_CORE_RETENTION_RUNNER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/refusal.h"

namespace stagelog {

// What a retention pass over all jobs did, or would do.
struct RetentionReport {
  enum class Action {
    kDropEvents,  // its oldest, from SQLite
    kCompress,    // its file
    kDelete,
  };
  struct Job {
    std::string job_id;
    Action action = Action::kDropEvents;
    int64_t event_count = 0;
  };
  bool dry_run = false;
  int64_t events_dropped = 0;  // from SQLite; they are served from the files
  int64_t jobs_compressed = 0;
  int64_t jobs_deleted = 0;
  std::vector<Job> jobs;  // the first thousand; a job may be named twice
};

using RetentionDone = std::function<void(tl::expected<RetentionReport, Refusal>)>;

// Applies retention now instead of at its next due time. Safe from any thread.
class RetentionRunner {
 public:
  virtual ~RetentionRunner() = default;

  // A dry run changes nothing. `done` as AppendDone, after all jobs were examined.
  virtual void RunRetention(bool dry_run, RetentionDone done) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_RETENTION_RUNNER_H_
