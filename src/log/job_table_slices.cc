#include "log/job_table_slices.h"

#include <string>
#include <utility>

#include "base/logging.h"

namespace stagelog {

void JobTableSlices::WriteOne() {
  try {
    parts_.job_tables.Step(*parts_.table, parts_.cache);
    if (parts_.job_tables.LagEvents() == 0) is_slowed_ = false;
  } catch (const SQLite::Exception& problem) {
    OnFailed(problem);
  }
}

bool JobTableSlices::WriteAll() {
  try {
    parts_.job_tables.CatchUp(*parts_.table, parts_.cache);
    return true;
  } catch (const SQLite::Exception& problem) {
    OnFailed(problem);
    return false;
  }
}

Status JobTableSlices::LimitLag() {
  if (!parts_.job_tables.IsTooFarBehind()) return {};
  if (!std::exchange(is_slowed_, true)) {
    LogWarning("[journal] the tables of jobs are {} events behind: appends wait for them",
               parts_.job_tables.LagEvents());
  }
  try {
    while (parts_.job_tables.IsTooFarBehind()) {
      parts_.job_tables.Step(*parts_.table, parts_.cache);
    }
    return {};
  } catch (const SQLite::Exception& problem) {
    OnFailed(problem);
    return Failure(std::string("the tables of jobs cannot be written: ") + problem.what());
  }
}

void JobTableSlices::OnFailed(const SQLite::Exception& problem) {
  if (IsCorruption(problem)) parts_.corruption_seen = true;
  parts_.job_tables.PutOff(problem.what());
  // They look at the tables, and nobody is kept waiting for those.
  const std::string why = std::string("the tables of jobs cannot be written: ") + problem.what();
  parts_.deletions.RefuseRequests(why);
  for (MaintenanceTask* task : parts_.tasks) task->Abandon(why);
}

}  // namespace stagelog
