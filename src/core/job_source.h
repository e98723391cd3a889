// Reads jobs and gates: the state that the committed events add up to.
#ifndef STAGELOG_CORE_JOB_SOURCE_H_
#define STAGELOG_CORE_JOB_SOURCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "core/job_machine.h"
#include "core/job_state.h"
#include "core/labels.h"

namespace stagelog {

// Which jobs are listed; empty conditions admit all.
struct JobListRequest {
  int64_t before_first_seq = INT64_MAX;  // jobs whose first event is earlier
  size_t limit = 100;
  std::vector<std::string> statuses;
  std::vector<std::string> pipelines;
  std::vector<LabelCondition> labels;  // all of them hold
  int64_t updated_after_micros = 0;    // the last event is later than this
  std::string text;         // found in the job's id, pipeline or reason; case ignored (ASCII)
  int64_t live_micros = 0;  // for EncodeJobSummary()
};

struct JobListing {
  int64_t first_seq = 0;
  std::string job_id;
  std::string summary;  // JSON, see EncodeJobSummary
  bool is_over = false;
};

struct LabelCount {
  std::string value;
  std::string status;
  int64_t jobs = 0;
};

// Which iterations of gates are listed, in the order of their opening; empty conditions admit all.
struct GateListRequest {
  std::vector<std::string> statuses;
  int64_t after_opened_seq = 0;
  size_t limit = 100;
  // kUsual: fails where the rows cannot be brought up to date, but shows what there is while the
  // journal is closed. kCurrent: fails in either case. kAsTheyAre: shows what there is.
  enum class Rows { kUsual, kCurrent, kAsTheyAre };
  Rows rows = Rows::kUsual;
};

struct GateListing {
  std::string job_id;
  std::string gate;
  int64_t opened_seq = 0;         // names the iteration
  int64_t expires_at_micros = 0;  // 0: never
  std::string on_timeout;
  std::string document;  // JSON, see EncodeGateIteration
};

// How many jobs and gates there are, for the metrics.
struct JobCensus {
  std::vector<std::pair<std::string, int64_t>> jobs;  // by status; those of which there are any
  int64_t pending_gates = 0;
  int64_t oldest_pending_micros = 0;  // when it was opened, wall clock; 0: none is pending
};

// Jobs, stages and gates as the committed events make them. Blocks on the disk; safe from any
// thread.
class JobSource {
 public:
  virtual ~JobSource() = default;

  // A job's state after its last event that is not later than `through_seq`; no value for an
  // unknown job and before its first event.
  virtual Result<std::optional<JobState>> FindJob(const std::string& job_id,
                                                  int64_t through_seq = INT64_MAX) = 0;

  // At most `limit` jobs that match, the youngest job first. This and the other lists fail with
  // EAGAIN where what they would lack does not come in time.
  virtual Result<std::vector<JobListing>> ListJobs(const JobListRequest& request) = 0;

  // How many jobs have each value of the label `key`, by status: at most `max_values` values, those
  // of the most jobs, in the order of value and status.
  virtual Result<std::vector<LabelCount>> CountByLabel(const std::string& /*key*/,
                                                       size_t /*max_values*/) {
    return std::vector<LabelCount>();
  }

  virtual Result<std::vector<GateListing>> ListGates(const GateListRequest& request) = 0;

  // Folds into `state` the events of its job committed since `state.as_of_seq`, up to
  // `through_seq`; a state with only its job_id set is folded from the last snapshot. `changes` may
  // be null; after a snapshot it contains everything.
  virtual Status AdvanceJob(JobState& state, StateChanges* changes,
                            int64_t through_seq = INT64_MAX) = 0;

  // Jobs whose last event is later than `seq`.
  virtual Result<std::vector<std::string>> JobsChangedAfter(int64_t seq) = 0;

  // True if a list would have to wait for a moment. Never blocks.
  virtual bool MustWait() { return false; }

  // Takes time in proportion to the number of jobs, not of events: about 5 ms for 100,000.
  virtual Result<JobCensus> CountJobs() { return JobCensus(); }
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_SOURCE_H_
