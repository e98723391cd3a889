#include "log/clean_closing.h"

#include "base/logging.h"
#include "log/journal_identity.h"

namespace stagelog {

Status CleanClosing::Close() {
  if (!parts_.IsOpen()) return {};
  if (!tables_.WriteAll()) {
    return Failure("the tables of jobs cannot be written: " +
                   parts_.job_tables.GetFollowerStatus().problem);
  }
  if (Status synced = idle_files_.SyncAll(); !synced) return synced;
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) {
    LogError("[journal] cannot close cleanly: {}", ours.error().message);
    parts_.table.reset();
    parts_.job_files.Clear();
    return {};
  }
  if (Status completed = CompleteFiles(); !completed) return completed;
  notes_.Show();
  NoteHighestSeq();
  parts_.table.reset();
  parts_.job_files.Clear();
  parts_.job_tables.Clear();
  return {};
}

// Those that cannot be completed are left to the next opening.
Status CleanClosing::CompleteFiles() {
  constexpr int64_t kRepairMicros = 3'000'000;
  try {
    parts_.job_files.RepairAll(*parts_.table, parts_.clock.MonotonicMicros() + kRepairMicros);
    return idle_files_.SyncAll();
  } catch (const SQLite::Exception& problem) {
    LogError("[journal] cannot complete the files: {}", problem.what());
    return {};
  }
}

// The bound of the seqs in use need not be ahead of them any more.
void CleanClosing::NoteHighestSeq() {
  parts_.identity.highest_seq = parts_.sequencer.next_seq - 1;
  parts_.identity.owed_files = parts_.job_files.OwedFiles();
  try {
    if (WriteJournalIdentity(parts_.files, parts_.options.runs_dir, parts_.identity)) {
      parts_.table->Begin();
      parts_.table->SetHighestSeq(parts_.identity.highest_seq);
      parts_.table->SetFloorSeq(parts_.identity.highest_seq);
      parts_.table->Commit();
    }
  } catch (const SQLite::Exception& problem) {
    LogError("[journal] cannot close cleanly: {}", problem.what());
  }
}

}  // namespace stagelog
