// What EventLogger does between two groups of appends, a slice at a time.
#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/mutex.h"
#include "base/timestamp.h"
#include "log/event_logger.h"
#include "log/recovery_log.h"

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
  return table_ != nullptr && (job_tables_.IsDue() || HasMaintenance());
}

bool EventLogger::HasMaintenance() const {
  if (table_ == nullptr || job_tables_.IsPutOff()) return false;
  {
    const MutexLock lock(compare_mutex_);
    if (!files_to_compare_.empty()) return true;
  }
  return job_files_.HasWork() || deletions_.HasWork() ||
         std::any_of(tasks_.begin(), tasks_.end(),
                     [](const MaintenanceTask* task) { return task->HasWork(); });
}

void EventLogger::DoUpkeep() {
  if (!HasUpkeep()) return;
  Status done = lock_.CheckStillHeld();
  try {
    if (done && !HasMaintenance()) return WriteTableSlice();
    if (done) done = DoSlice();
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) corruption_seen_ = true;
    done = Failure(problem.what());
  }
  if (!done) CloseAfterFailure(done.error().message);
}

void EventLogger::WriteTableSlice() {
  try {
    job_tables_.Step(*table_, cache_);
    if (job_tables_.LagEvents() == 0) is_slowed_ = false;
  } catch (const SQLite::Exception& problem) {
    OnTablesFailed(problem);
  }
}

// All that is left of them. False if that cannot be done now.
bool EventLogger::WriteTables() {
  try {
    job_tables_.CatchUp(*table_, cache_);
    return true;
  } catch (const SQLite::Exception& problem) {
    OnTablesFailed(problem);
    return false;
  }
}

// The log does not need them: it goes on. But not without bound.
void EventLogger::OnTablesFailed(const SQLite::Exception& problem) {
  if (IsCorruption(problem)) corruption_seen_ = true;
  job_tables_.PutOff(problem.what());
}

// False if nothing may be appended now.
bool EventLogger::LimitTableLag() {
  if (!job_tables_.IsTooFarBehind()) return true;
  if (!std::exchange(is_slowed_, true)) {
    spdlog::warn("[journal] the tables of jobs are {} events behind: appends wait for them",
                 job_tables_.LagEvents());
  }
  try {
    while (job_tables_.IsTooFarBehind()) job_tables_.Step(*table_, cache_);
    return true;
  } catch (const SQLite::Exception& problem) {
    OnTablesFailed(problem);
    CloseAfterFailure(std::string("the tables of jobs cannot be written: ") + problem.what());
    return false;
  }
}

// What is left of the tables is written first: everything else looks at them.
//
// Deletions that were accepted are carried out before the journal closes for good. What the tasks
// do can wait for the next start.
Status EventLogger::DoSlice() {
  if (!WriteTables()) return {};
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
  if (job_files_.HasWork()) {
    RepairFile();
    return {};
  }
  WriterAccess access(*table_, cache_, job_files_, deletions_);
  if (deletions_.HasWork()) return deletions_.Step(access);
  for (MaintenanceTask* task : tasks_) {
    if (task->HasWork()) return task->Step(access);
  }
  return {};
}

// A reader has found a line gone that is in the file alone: the repair says what is lost, and lets
// the rest be read.
void EventLogger::RecompareFiles(const std::unordered_set<std::string>& job_ids) {
  for (const std::string& job_id : job_ids) {
    const std::optional<JobRow> job = table_->FindJob(job_id);
    if (!job) continue;
    table_->ForgetFileStamp(job->first_seq);
    job_files_.Obstruct(job_id, job->job_seq + 1, "it was changed by another program");
  }
  ShowObstructedFiles();
}

// A file that was obstructed is noted before the next answer (AppendToFiles()). That one is not any
// more is noted here; in vain it is harmless.
void EventLogger::UpdateObstructedFiles() {
  if (table_ == nullptr || !job_files_.HasChanged()) return;
  ShowObstructedFiles();
  if (job_files_.NeedsNote()) return;
  if (Status noted = NoteObstructedFiles(); !noted) {
    spdlog::warn("[journal] cannot update journal.json: {}", noted.error().message);
    job_files_.Noted();
  }
}

void EventLogger::RepairFile() {
  std::optional<JobRepair> done = job_files_.Step(*table_);
  if (done) {
    RecoveryReport report;
    report.AddRepair(std::move(*done));
    LogRecovery(report, identity_.journal_id);
    for (std::string& name : report.set_aside) health_.AddSetAside(std::move(name));
  }
  ShowObstructedFiles();
}

// `ts` never goes back (guarantee 3 in src/GUARANTEES.md). So as long as a clock that was set back
// is behind, new events are a microsecond apart, and what is measured between them is too short:
// that is said once for each step back.
void EventLogger::CompareClock() {
  constexpr int64_t kStepMicros = 1'000'000;
  const int64_t now = clock_.WallMicros();
  const int64_t lag = sequencer_.last_ts_micros - now;
  const int64_t lag_before = clock_lag_micros_;
  if (lag > lag_before + kStepMicros) {
    spdlog::warn(
        "[journal] the clock, {}, is behind the newest event, {}: until it has caught up new "
        "events get times right after that one, and waits and durations come out too short",
        FormatTimestamp(now), FormatTimestamp(sequencer_.last_ts_micros));
  } else if (lag_before > 0 && lag <= 0) {
    spdlog::info("[journal] the clock, {}, has caught up with the newest event, {}",
                 FormatTimestamp(now), FormatTimestamp(sequencer_.last_ts_micros));
  } else if (lag_before == 0) {
    return;
  }
  clock_lag_micros_ = std::max<int64_t>(lag, 0);
}

void EventLogger::AbandonTasks(const std::string& problem) {
  for (MaintenanceTask* task : tasks_) task->Abandon(problem);
}

}  // namespace stagelog
