// What EventLogger does between two groups of appends, a slice at a time.
#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/logging.h"
#include "log/event_logger.h"
#include "log/recovery_log.h"

namespace stagelog {

void EventLogger::DeleteJob(std::string job_id, std::string actor, DeleteDone done) {
  JobDeletions::Request request{std::move(job_id), std::move(actor), std::move(done)};
  if (std::optional<Refusal> refusal = parts_.deletions.Add(request)) {
    return request.done(tl::unexpected(std::move(*refusal)));
  }
  parts_.queue.Wake();
}

// While the journal is closed nothing waits: what was requested before was refused when it closed.
bool EventLogger::HasUpkeep() const {
  return parts_.table != nullptr && (parts_.job_tables.IsDue() || HasMaintenance());
}

bool EventLogger::HasMaintenance() const {
  if (parts_.table == nullptr || parts_.job_tables.IsPutOff()) return false;
  return parts_.lost_lines.HasAny() || parts_.job_files.HasWork() || parts_.deletions.HasWork() ||
         std::any_of(parts_.tasks.begin(), parts_.tasks.end(),
                     [](const MaintenanceTask* task) { return task->HasWork(); });
}

void EventLogger::DoUpkeep() {
  if (!HasUpkeep()) return;
  Status done = parts_.lock.CheckStillHeld();
  try {
    if (done && !HasMaintenance()) return WriteTableSlice();
    if (done) done = DoSlice();
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) parts_.corruption_seen = true;
    done = Failure(problem.what());
  }
  if (!done) CloseAfterFailure(done.error().message);
}

void EventLogger::WriteTableSlice() {
  try {
    parts_.job_tables.Step(*parts_.table, parts_.cache);
    if (parts_.job_tables.LagEvents() == 0) is_slowed_ = false;
  } catch (const SQLite::Exception& problem) {
    OnTablesFailed(problem);
  }
}

// All that is left of them. False if that cannot be done now.
bool EventLogger::WriteTables() {
  try {
    parts_.job_tables.CatchUp(*parts_.table, parts_.cache);
    return true;
  } catch (const SQLite::Exception& problem) {
    OnTablesFailed(problem);
    return false;
  }
}

// The log does not need them: it goes on. But not without bound.
void EventLogger::OnTablesFailed(const SQLite::Exception& problem) {
  if (IsCorruption(problem)) parts_.corruption_seen = true;
  parts_.job_tables.PutOff(problem.what());
}

// False if nothing may be appended now.
bool EventLogger::LimitTableLag() {
  if (!parts_.job_tables.IsTooFarBehind()) return true;
  if (!std::exchange(is_slowed_, true)) {
    spdlog::warn("[journal] the tables of jobs are {} events behind: appends wait for them",
                 parts_.job_tables.LagEvents());
  }
  try {
    while (parts_.job_tables.IsTooFarBehind()) parts_.job_tables.Step(*parts_.table, parts_.cache);
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
  const std::unordered_set<std::string> files_to_compare = parts_.lost_lines.Take();
  if (!files_to_compare.empty()) {
    RecompareFiles(files_to_compare);
    return {};
  }
  if (parts_.health.IsStopping()) AbandonTasks("the daemon is shutting down");
  if (parts_.job_files.HasWork()) {
    RepairFile();
    return {};
  }
  WriterAccess access = parts_.Access();
  if (parts_.deletions.HasWork()) return parts_.deletions.Step(access);
  for (MaintenanceTask* task : parts_.tasks) {
    if (task->HasWork()) return task->Step(access);
  }
  return {};
}

// A reader has found a line gone that is in the file alone: the repair says what is lost, and lets
// the rest be read.
void EventLogger::RecompareFiles(const std::unordered_set<std::string>& job_ids) {
  for (const std::string& job_id : job_ids) {
    const std::optional<JobRow> job = parts_.table->FindJob(job_id);
    if (!job) continue;
    parts_.table->ForgetFileStamp(job->first_seq);
    parts_.job_files.Obstruct(job_id, job->job_seq + 1, "it was changed by another program");
  }
  ShowObstructedFiles();
}

// A file that was obstructed is noted before the next answer (AppendToFiles()). That one is not any
// more is noted here; in vain it is harmless.
void EventLogger::UpdateObstructedFiles() {
  if (parts_.table == nullptr || !parts_.job_files.HasChanged()) return;
  ShowObstructedFiles();
  if (parts_.job_files.NeedsNote()) return;
  if (Status noted = NoteObstructedFiles(); !noted) {
    spdlog::warn("[journal] cannot update journal.json: {}", noted.error().message);
    parts_.job_files.Noted();
  }
}

void EventLogger::RepairFile() {
  std::optional<JobRepair> done = parts_.job_files.Step(*parts_.table);
  if (done) {
    RecoveryReport report;
    report.AddRepair(std::move(*done));
    LogRecovery(report, parts_.identity.journal_id);
    for (std::string& name : report.set_aside) parts_.health.AddSetAside(std::move(name));
  }
  ShowObstructedFiles();
}

void EventLogger::AbandonTasks(const std::string& problem) {
  for (MaintenanceTask* task : parts_.tasks) task->Abandon(problem);
}

}  // namespace stagelog
