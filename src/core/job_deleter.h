// Deletes jobs for good.
#ifndef STAGELOG_CORE_JOB_DELETER_H_
#define STAGELOG_CORE_JOB_DELETER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "core/refusal.h"

namespace stagelog {

// The answer to the deletion of a job.
struct DeletedJobReport {
  int64_t seq = 0;  // the deletion's own, a hole in polls
  std::string job_id;
  int64_t event_count = 0;
  int64_t first_seq = 0;
  int64_t last_seq = 0;
  int64_t deleted_at_micros = 0;
};

using DeleteDone = std::function<void(tl::expected<DeletedJobReport, Refusal>)>;

// Deletes jobs permanently. Safe from any thread.
class JobDeleter {
 public:
  virtual ~JobDeleter() = default;

  // `actor` requested it. `done` as AppendDone, once only the tombstone of the job is left.
  virtual void DeleteJob(std::string job_id, std::string actor, DeleteDone done) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_DELETER_H_
