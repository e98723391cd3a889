#include "log/journal_upkeep.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "log/recovery.h"
#include "log/recovery_log.h"

namespace stagelog {

bool JournalUpkeep::IsDue() const {
  return parts_.IsOpen() && (parts_.job_tables.IsDue() || HasMaintenance());
}

bool JournalUpkeep::HasMaintenance() const {
  if (!parts_.IsOpen() || parts_.job_tables.IsPutOff()) return false;
  return parts_.lost_lines.HasAny() || parts_.job_files.HasWork() || parts_.deletions.HasWork() ||
         std::any_of(parts_.tasks.begin(), parts_.tasks.end(),
                     [](const MaintenanceTask* task) { return task->HasWork(); });
}

int64_t JournalUpkeep::NextDueMicros() const {
  if (HasMaintenance()) return 0;
  int64_t next = std::min({parts_.job_files.NextRepairMicros(), parts_.deletions.NextDueMicros(),
                           parts_.job_tables.NextDueMicros()});
  for (const MaintenanceTask* task : parts_.tasks) next = std::min(next, task->NextDueMicros());
  return next;
}

Status JournalUpkeep::Step() {
  if (!IsDue()) return {};
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) return ours;
  try {
    if (HasMaintenance()) return DoMaintenance();
    tables_.WriteOne();
    return {};
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) parts_.corruption_seen = true;
    return Failure(problem.what());
  }
}

// What is left of the tables is written first: everything else looks at them.
//
// Deletions that were accepted are carried out before the journal closes for good. What the tasks
// do can wait for the next start.
Status JournalUpkeep::DoMaintenance() {
  if (!tables_.WriteAll()) return {};
  const std::unordered_set<std::string> files_to_compare = parts_.lost_lines.Take();
  if (!files_to_compare.empty()) {
    CompareFiles(files_to_compare);
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
void JournalUpkeep::CompareFiles(const std::unordered_set<std::string>& job_ids) {
  for (const std::string& job_id : job_ids) {
    const std::optional<JobRow> job = parts_.table->FindJob(job_id);
    if (!job) continue;
    parts_.table->ForgetFileStamp(job->first_seq);
    parts_.job_files.Obstruct(job_id, job->job_seq + 1, "it was changed by another program");
  }
  notes_.Show();
}

void JournalUpkeep::RepairFile() {
  std::optional<JobRepair> done = parts_.job_files.Step(*parts_.table);
  if (done) {
    RecoveryReport report;
    report.AddRepair(std::move(*done));
    LogRecovery(report, parts_.identity.journal_id);
    for (std::string& name : report.set_aside) parts_.health.AddSetAside(std::move(name));
  }
  notes_.Show();
}

void JournalUpkeep::Abandon(const std::string& problem) {
  parts_.deletions.Abandon(problem);
  AbandonTasks(problem);
}

void JournalUpkeep::AbandonTasks(const std::string& problem) {
  for (MaintenanceTask* task : parts_.tasks) task->Abandon(problem);
}

}  // namespace stagelog
