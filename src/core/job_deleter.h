// Deletes jobs for good.
#ifndef STAGELOG_CORE_JOB_DELETER_H_
#define STAGELOG_CORE_JOB_DELETER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "core/refusal.h"

namespace stagelog {

// What is told of a job that was deleted.
struct DeletedJobReport {
  std::string job_id;
  int64_t event_count = 0;
  int64_t first_seq = 0;
  int64_t last_seq = 0;
  int64_t deleted_at_micros = 0;
};

using DeleteDone = std::function<void(tl::expected<DeletedJobReport, Refusal>)>;

// Takes jobs out of the journal for good. Safe from any thread.
class JobDeleter {
 public:
  virtual ~JobDeleter() = default;

  // `actor` asks for it. `done` as AppendDone, once nothing of the job is left but its tombstone.
  virtual void DeleteJob(std::string job_id, std::string actor, DeleteDone done) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_DELETER_H_
