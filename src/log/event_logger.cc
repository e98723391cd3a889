#include "log/event_logger.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "core/append_refusal.h"
#include "log/recovery_log.h"
#include "log/sqlite_setup.h"

namespace stagelog {
namespace {

// A reader waits so long for tables that do not advance, and then reads what there is.
constexpr int64_t kTableWaitMicros = 2'000'000;
// What another thread may write itself instead of waking the writer.
constexpr size_t kMaxLedRequests = 4;
constexpr size_t kMaxLedBytes = size_t{16} << 10;

size_t SizeOf(const std::vector<EventDraft>& drafts) {
  size_t bytes = 0;
  for (const EventDraft& draft : drafts) {
    bytes += sizeof(EventDraft) + draft.message.size() + draft.payload.size();
  }
  return bytes;
}

// A new folder is there for good only once its parent was synced.
Status EnsureRunsDirectory(FileSystem& files, const std::string& path) {
  const auto info = files.Stat(path);
  if (!info) return tl::unexpected(info.error());
  if (Status created = files.CreateDirectory(path); !created) return created;
  return info->has_value() ? Status() : files.SyncDirectory(ParentDirectory(path));
}

}  // namespace

EventLogger::EventLogger(EventLoggerOptions options, FileSystem& files, Clock& clock,
                         MetricsRegistry& metrics, RunLock lock)
    : parts_(std::move(options), files, clock, metrics, std::move(lock)),
      reader_(
          DatabasePath(parts_.options.runs_dir), files.SqliteVfs(), clock,
          [this] {
            parts_.corruption_seen = true;
            parts_.queue.Wake();
          },
          files,
          [this](int64_t max_lag_events) {
            return parts_.job_tables.Await(max_lag_events, kTableWaitMicros);
          },
          [this](const std::string& job_id) {
            parts_.lost_lines.Add(job_id);
            parts_.queue.Wake();
          }) {}

Result<std::unique_ptr<EventLogger>> EventLogger::Open(EventLoggerOptions options,
                                                       FileSystem& files, Clock& clock,
                                                       MetricsRegistry& metrics) {
  SetUpSqlite();
  if (Status there = EnsureRunsDirectory(files, options.runs_dir); !there) {
    return tl::unexpected(there.error());
  }
  files.FollowNoLinksBelow(options.runs_dir);
  Result<RunLock> lock = RunLock::Take(options.runs_dir);
  if (!lock) return tl::unexpected(lock.error());
  std::unique_ptr<EventLogger> logger(
      new EventLogger(std::move(options), files, clock, metrics, std::move(*lock)));
  if (Status opened = logger->OpenTable(); !opened) return tl::unexpected(opened.error());
  logger->parts_.deletions.ForgetFinished();  // nobody listened before
  logger->parts_.announcer.BeginAfter(logger->parts_.sequencer.next_seq - 1);
  return logger;
}

EventLogger::~EventLogger() { Stop(); }

void EventLogger::Start() {
  parts_.queue.SetTimer(NextTimerMicros());
  group_commit_.StartThread();
  parts_.job_files.StartThread();
  writer_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "writer");
    while (RunOnce()) {
    }
  });
}

void EventLogger::Stop() {
  parts_.health.SetStopping();
  parts_.queue.Stop();
  if (writer_.joinable()) writer_.join();
  while (RunOnce()) {
  }
  group_commit_.StopThread();
}

Status EventLogger::OpenTable() {
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) return ours;
  Result<OpenedJournal> opened = OpenJournal(parts_.files, parts_.clock, parts_.options.runs_dir,
                                             parts_.corruption_seen.exchange(false),
                                             std::exchange(parts_.options.rebuild_states, false));
  if (!opened) return tl::unexpected(opened.error());
  parts_.table = std::move(opened->table);
  parts_.failed_table.reset();
  parts_.identity = std::move(opened->identity);
  parts_.sequencer = {opened->next_seq, opened->last_ts_micros};
  parts_.clock_lag.Compare(parts_.sequencer.last_ts_micros);
  reader_.Reopen();
  LogRecovery(opened->report, parts_.identity.journal_id);
  states_were_rebuilt_ = opened->report.states_rebuilt || !opened->report.states_differed.empty();
  if (Status loaded = parts_.deletions.Load(*parts_.table); !loaded) return loaded;
  int64_t head = 0;
  try {
    head = parts_.table->HeadSeq();
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
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

void EventLogger::Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                         AppendDone done) {
  Push({std::move(drafts), std::move(precondition), std::move(done)}, true);
}

void EventLogger::Enqueue(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                          AppendDone done) {
  Push({std::move(drafts), std::move(precondition), std::move(done)}, false);
}

void EventLogger::Push(Request request, bool wakes) {
  request.bytes = SizeOf(request.drafts);
  request.pushed_micros = parts_.clock.MonotonicMicros();
  if (auto refusal = Admit(request, wakes)) request.done(tl::unexpected(std::move(*refusal)));
}

std::optional<Refusal> EventLogger::Admit(Request& request, bool wakes) {
  if (auto refusal = parts_.health.GetRefusal()) return refusal;
  switch (parts_.queue.Push(request, wakes)) {
    case AppendQueue::Admission::kTaken:
      return std::nullopt;
    case AppendQueue::Admission::kStopping:
      return ShuttingDown("not_applied");
    case AppendQueue::Admission::kFull:
      break;
  }
  return Overloaded("too many events are waiting to be written; try again later");
}

void EventLogger::DeleteJob(std::string job_id, std::string actor, DeleteDone done) {
  JobDeletions::Request request{std::move(job_id), std::move(actor), std::move(done)};
  if (std::optional<Refusal> refusal = parts_.deletions.Add(request)) {
    return request.done(tl::unexpected(std::move(*refusal)));
  }
  parts_.queue.Wake();
}

bool EventLogger::NotifyWriter(bool may_commit_inline) {
  const size_t waiting = parts_.queue.size();
  if (waiting == 0) return false;
  const bool is_little = waiting <= kMaxLedRequests && parts_.queue.bytes() <= kMaxLedBytes;
  if (may_commit_inline && is_little && !is_writing_) return true;
  parts_.queue.Wake();
  return false;
}

// What is not a plain group to write is left to the writer's own thread.
void EventLogger::CommitInline() {
  std::unique_lock writing(writing_, std::try_to_lock);
  if (writing && parts_.table != nullptr && !parts_.corruption_seen &&
      !parts_.job_tables.IsTooFarBehind()) {
    std::vector<Request> group = parts_.queue.Take(parts_.options.group_requests);
    if (!group.empty()) Write(std::move(group));
    parts_.queue.SetTimer(NextTimerMicros());
  }
  if (parts_.queue.size() > 0) parts_.queue.Wake();
}

int64_t EventLogger::NextTimerMicros() const {
  if (parts_.table == nullptr) return retry_at_micros_;
  const int64_t next = upkeep_.NextDueMicros();
  if (parts_.job_tables.IsPutOff()) return next;
  const int64_t oldest = parts_.job_files.files().OldestDirtyMicros();
  return oldest == INT64_MAX ? next : std::min(next, oldest + parts_.options.idle_sync_micros);
}

bool EventLogger::RunOnce(bool may_wait) {
  if (may_wait) parts_.queue.Wait(parts_.clock);
  const std::lock_guard writing(writing_);
  is_writing_ = true;
  const bool goes_on = TakeTurn();
  notes_.Update();
  is_writing_ = false;
  parts_.queue.SetTimer(NextTimerMicros());
  return goes_on;
}

// Writes the group of requests that is next; where there is none, does what is due.
bool EventLogger::TakeTurn() {
  if (closed_) return false;
  std::vector<Request> group = parts_.queue.Take(parts_.options.group_requests);
  if (parts_.table != nullptr && parts_.corruption_seen)
    CloseAfterFailure("the database is damaged");
  if (parts_.table == nullptr && parts_.clock.MonotonicMicros() >= retry_at_micros_) TryReopen();
  if (!group.empty()) {
    if (parts_.table == nullptr || !LimitTableLag()) {
      RefuseAll(std::move(group));
    } else {
      Write(std::move(group));
    }
    DoUpkeep();
    return true;
  }
  const bool is_stopped =
      parts_.queue.IsStoppedAndEmpty();  // before: all later requests are refused
  if (upkeep_.IsDue()) {
    DoUpkeep();
    return true;
  }
  if (is_stopped) {
    CloseCleanly();
    return false;
  }
  if (parts_.table != nullptr)
    SyncIdleFiles(parts_.clock.MonotonicMicros() - parts_.options.idle_sync_micros);
  return true;
}

bool EventLogger::LimitTableLag() {
  const Status limited = tables_.LimitLag();
  if (!limited) CloseAfterFailure(limited.error().message);
  return limited.has_value();
}

// Where a group has failed, nobody is answered before the journal is closed.
void EventLogger::Write(std::vector<Request> requests) {
  std::optional<FailedCommit> failed = group_commit_.Write(std::move(requests));
  if (!failed) return;
  CloseAfterFailure(failed->problem);
  // Comparing the files mends most of what can be wrong with them.
  if (failed->is_committed) ReopenSoon();
  for (const std::unique_ptr<AppendGroup>& group : failed->groups) group->SendAnswers();
  RefuseAll(std::move(failed->waiting));
}

void EventLogger::DoUpkeep() {
  if (Status done = upkeep_.Step(); !done) CloseAfterFailure(done.error().message);
}

void EventLogger::RefuseAll(std::vector<Request> requests) {
  const std::string problem = parts_.health.Get().problem;
  for (Request& request : requests) {
    request.done(tl::unexpected(JournalUnavailable(problem, "not_applied")));
  }
}

void EventLogger::CloseAfterFailure(const std::string& problem) {
  parts_.metrics.failures_total.Add();
  spdlog::error("[journal] cannot write: {}; refusing appends until it can", problem);
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

// Opening the journal anew is the remedy, and nothing need be waited for: everybody's appends are
// refused until then. Where it was no remedy, it is not done over and over.
void EventLogger::ReopenSoon() {
  const int64_t now = parts_.clock.MonotonicMicros();
  if (now - reopened_at_micros_ >= parts_.options.retry_micros) retry_at_micros_ = now;
}

void EventLogger::TryReopen() {
  retry_at_micros_ = parts_.clock.MonotonicMicros() + parts_.options.retry_micros;
  const bool corrupt = parts_.corruption_seen;
  if (const Status opened = OpenTable(); !opened) {
    parts_.corruption_seen = corrupt;
    spdlog::debug("[journal] still cannot write: {}", opened.error().message);
    return;
  }
  reopened_at_micros_ = parts_.clock.MonotonicMicros();
  try {
    parts_.announcer.AnnounceMissed(*parts_.table);
    parts_.deletions.AnnounceFinished();
    spdlog::info("[journal] accepting events again");
  } catch (const SQLite::Exception& problem) {
    CloseAfterFailure(problem.what());
  }
}

// Syncs and notes files that were not appended to since `before_micros`, a few at a time so that an
// append that comes meanwhile does not wait.
void EventLogger::SyncIdleFiles(int64_t before_micros) {
  constexpr int kFilesAtOnce = 64;
  JobFiles& files = parts_.job_files.files();
  if (files.OldestDirtyMicros() > before_micros) return;
  if (!tables_.WriteAll()) return;  // what is noted stands in their rows
  if (Status ours = parts_.lock.CheckStillHeld(); !ours)
    return CloseAfterFailure(ours.error().message);
  const auto database = parts_.files.Stat(DatabasePath(parts_.options.runs_dir));
  if (!database) return CloseAfterFailure(database.error().message);
  if (!database->has_value()) {
    // Deleted under our feet: what is committed from now on would go with the last open descriptor.
    parts_.corruption_seen = true;
    return CloseAfterFailure("stagelog.db was deleted");
  }
  try {
    parts_.table->Begin();
    if (Status synced = files.SyncNewFolders(); !synced) {
      throw SQLite::Exception(synced.error().message);
    }
    WriterAccess access = parts_.Access();
    for (int i = 0; i < kFilesAtOnce && files.OldestDirtyMicros() <= before_micros; ++i) {
      access.SyncFile(std::string(files.OldestDirty()));
    }
    parts_.table->Commit();
  } catch (const SQLite::Exception& problem) {
    CloseAfterFailure(problem.what());
  }
}

void EventLogger::CloseCleanly() {
  closed_ = true;
  if (parts_.table != nullptr && !tables_.WriteAll()) {
    CloseAfterFailure("the tables of jobs cannot be written: " +
                      parts_.job_tables.GetFollowerStatus().problem);
  }
  while (parts_.table != nullptr && parts_.job_files.files().OldestDirtyMicros() != INT64_MAX) {
    SyncIdleFiles(INT64_MAX - 1);
  }
  if (parts_.table == nullptr) return;
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) {
    spdlog::error("[journal] cannot close cleanly: {}", ours.error().message);
    parts_.table.reset();
    return parts_.job_files.Clear();
  }
  try {
    constexpr int64_t kRepairMicros = 3'000'000;
    parts_.job_files.RepairAll(*parts_.table, parts_.clock.MonotonicMicros() + kRepairMicros);
    while (parts_.job_files.files().OldestDirtyMicros() != INT64_MAX) SyncIdleFiles(INT64_MAX - 1);
  } catch (const SQLite::Exception& problem) {
    spdlog::error("[journal] cannot complete the files: {}", problem.what());
  }
  if (parts_.table == nullptr) return;
  notes_.Show();
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
    spdlog::error("[journal] cannot close cleanly: {}", problem.what());
  }
  parts_.table.reset();
  parts_.job_files.Clear();
  parts_.job_tables.Clear();
}

}  // namespace stagelog
