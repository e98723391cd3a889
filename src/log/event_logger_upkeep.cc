// What EventLogger does between two groups of appends, a slice at a time.
#include <algorithm>

#include "base/mutex.h"
#include "log/event_logger.h"

namespace stagelog {

void EventLogger::DeleteJob(std::string job_id, std::string actor, DeleteDone done) {
  JobDeletions::Request request{std::move(job_id), std::move(actor), std::move(done)};
  if (std::optional<Refusal> refusal = deletions_.Add(request)) {
    return request.done(tl::unexpected(std::move(*refusal)));
  }
  queue_.Wake();
}

// While the journal is closed nothing waits: what was requested before was refused when it closed.
bool EventLogger::HasUpkeep() const {
  if (table_ == nullptr) return false;
  {
    const MutexLock lock(compare_mutex_);
    if (!files_to_compare_.empty()) return true;
  }
  return deletions_.HasWork() ||
         std::any_of(tasks_.begin(), tasks_.end(),
                     [](const MaintenanceTask* task) { return task->HasWork(); });
}

void EventLogger::DoUpkeep() {
  if (!HasUpkeep()) return;
  Status done = lock_.CheckStillHeld();
  try {
    if (done) done = DoSlice();
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) corruption_seen_ = true;
    done = Failure(problem.what());
  }
  if (!done) CloseAfterFailure(done.error().message);
}

// Deletions that were accepted are carried out before the journal closes for good. What the tasks
// do can wait for the next start.
Status EventLogger::DoSlice() {
  std::unordered_set<std::string> files_to_compare;
  {
    const MutexLock lock(compare_mutex_);
    files_to_compare.swap(files_to_compare_);
  }
  if (!files_to_compare.empty()) {
    RecompareFiles(files_to_compare);
    return {};
  }
  if (health_.IsStopping()) AbandonTasks("the daemon is shutting down");
  WriterAccess access(*table_, cache_, job_files_, deletions_);
  if (deletions_.HasWork()) return deletions_.Step(access);
  for (MaintenanceTask* task : tasks_) {
    if (task->HasWork()) return task->Step(access);
  }
  return {};
}

// A reader has found a line gone that is in the file alone: opening the journal anew compares the
// file, says what is lost, and lets the rest be read.
void EventLogger::RecompareFiles(const std::unordered_set<std::string>& job_ids) {
  try {
    for (const std::string& job_id : job_ids) {
      if (const auto job = table_->FindJob(job_id)) table_->ForgetFileStamp(job->first_seq);
    }
  } catch (const SQLite::Exception& problem) {
    return CloseAfterFailure(problem.what());
  }
  CloseAfterFailure("events.jsonl of " + *job_ids.begin() + " was changed by another program");
  ReopenSoon();
}

void EventLogger::AbandonTasks(const std::string& problem) {
  for (MaintenanceTask* task : tasks_) task->Abandon(problem);
}

}  // namespace stagelog
