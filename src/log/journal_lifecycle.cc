#include "log/journal_lifecycle.h"

#include <utility>

#include "base/logging.h"
#include "log/recovery.h"
#include "log/recovery_log.h"

namespace stagelog {
namespace {

// A new folder is there for good only once its parent was synced.
Status EnsureRunsFolder(FileSystem& files, const std::string& path) {
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (Status created = files.CreateDirectory(path); !created) return created;
  return info->has_value() ? Status() : files.SyncDirectory(ParentDirectory(path));
}

}  // namespace

Result<RunLock> LockRunsFolder(FileSystem& files, const std::string& runs_dir) {
  if (Status there = EnsureRunsFolder(files, runs_dir); !there) {
    return tl::unexpected(there.error());
  }
  files.FollowNoLinksBelow(runs_dir);
  return RunLock::Take(runs_dir);
}

Status JournalLifecycle::Open() {
  if (Status opened = OpenTable(); !opened) return opened;
  parts_.deletions.ForgetMissed();
  parts_.announcer.BeginAfter(parts_.sequencer.next_seq - 1);
  return {};
}

Status JournalLifecycle::OpenTable() {
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) return ours;
  Result<OpenedJournal> opened = OpenJournal(parts_.files, parts_.clock, parts_.options.runs_dir,
                                             parts_.corruption_seen.exchange(false),
                                             std::exchange(parts_.options.rebuild_states, false));
  if (!opened) return tl::unexpected(opened.error());
  // Loaded first: with a table the journal counts as open.
  if (Status loaded = parts_.deletions.Load(*opened->table); !loaded) return loaded;
  int64_t head = 0;
  try {
    head = opened->table->HeadSeq();
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  parts_.table = std::move(opened->table);
  parts_.failed_table.reset();
  parts_.identity = std::move(opened->identity);
  parts_.sequencer = {opened->next_seq, opened->last_ts_micros};
  parts_.clock_lag.Compare(parts_.sequencer.last_ts_micros);
  reader_.Reopen();
  LogRecovery(opened->report, parts_.identity.journal_id);
  states_were_rebuilt_ = opened->report.states_rebuilt || !opened->report.states_differed.empty();
  parts_.job_tables.BeginAfter(head);
  for (const ObstructedFile& file : opened->obstructed_files) {
    parts_.job_files.Obstruct(file.job_id, file.first_missing_job_seq, file.problem);
  }
  parts_.job_files.Noted();  // by recovery
  notes_.Show();
  parts_.health.AddLostTails(opened->report.lost_tails);
  parts_.health.SetOpened(parts_.identity.journal_id, head, opened->report.set_aside);
  return {};
}

void JournalLifecycle::CloseAfterFailure(const std::string& problem) {
  parts_.metrics.failures_total.Add();
  LogError("[journal] cannot write: {}; refusing appends until it can", problem);
  if (parts_.table != nullptr) {
    // SQLite's log may hold a commit whose sync has failed. While a connection from before stays
    // open nobody finds it there; the first one to open after the last was closed would, and a
    // reader would be shown what a power cut can still take back.
    parts_.table->Rollback();
    parts_.failed_table = std::move(parts_.table);
  }
  if (parts_.corruption_seen) parts_.failed_table.reset();
  parts_.job_files.Clear();
  parts_.job_tables.Clear();
  parts_.cache.Clear();
  retry_at_micros_ = parts_.clock.MonotonicMicros() + parts_.options.retry_micros;
  parts_.health.SetClosed(problem);
  upkeep_.Abandon(problem);
}

// Nothing need be waited for: everybody's appends are refused until then. Where it was no remedy,
// it is not done over and over.
void JournalLifecycle::ReopenSoon() {
  const int64_t now = parts_.clock.MonotonicMicros();
  if (now - reopened_at_micros_ >= parts_.options.retry_micros) retry_at_micros_ = now;
}

void JournalLifecycle::ReopenIfDue() {
  if (!parts_.IsOpen() && parts_.clock.MonotonicMicros() >= retry_at_micros_) Reopen();
}

void JournalLifecycle::Reopen() {
  retry_at_micros_ = parts_.clock.MonotonicMicros() + parts_.options.retry_micros;
  const bool corrupt = parts_.corruption_seen;
  if (const Status opened = OpenTable(); !opened) {
    parts_.corruption_seen = corrupt;
    LogDebug("[journal] still cannot write: {}", opened.error().message);
    return;
  }
  reopened_at_micros_ = parts_.clock.MonotonicMicros();
  try {
    parts_.announcer.AnnounceMissed(*parts_.table);
    parts_.deletions.AnnounceMissed();
    LogInfo("[journal] accepting events again");
  } catch (const SQLite::Exception& problem) {
    CloseAfterFailure(problem.what());
  }
}

}  // namespace stagelog
