#include "log/event_logger.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/mutex.h"
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
    : options_(std::move(options)),
      files_(files),
      clock_(clock),
      lock_(std::move(lock)),
      metrics_(metrics, files, DatabasePath(options_.runs_dir), health_),
      queue_(options_.queue_bytes),
      job_tables_(clock,
                  {.delay_micros = options_.table_delay_micros,
                   .slice_micros = options_.table_slice_micros,
                   .retry_micros = options_.retry_micros,
                   .max_lag_events = options_.max_table_lag_events},
                  [this] { queue_.Wake(); }),
      job_files_(files, clock,
                 {.runs_dir = options_.runs_dir,
                  .open_files = options_.open_files,
                  .retry_micros = options_.retry_micros},
                 [this] { queue_.Wake(); }),
      announcer_(health_),
      deletions_(files, options_.runs_dir, clock, metrics, health_, announcer_) {
  reader_ = std::make_unique<EventReader>(
      DatabasePath(options_.runs_dir), files_.SqliteVfs(), clock_,
      [this] {
        corruption_seen_ = true;
        queue_.Wake();
      },
      files_,
      [this](int64_t max_lag_events) {
        return job_tables_.Await(max_lag_events, kTableWaitMicros);
      },
      [this](const std::string& job_id) {
        {
          const MutexLock guard(compare_mutex_);
          files_to_compare_.insert(job_id);
        }
        queue_.Wake();
      });
}

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
  logger->deletions_.ForgetFinished();  // nobody listened before
  logger->announcer_.BeginAfter(logger->sequencer_.next_seq - 1);
  return logger;
}

EventLogger::~EventLogger() { Stop(); }

void EventLogger::Start() {
  queue_.SetTimer(NextTimerMicros());
  commit_thread_ = std::make_unique<SingleTaskThread>("commits");
  job_files_.StartThread();
  writer_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "writer");
    while (RunOnce()) {
    }
  });
}

void EventLogger::Stop() {
  health_.SetStopping();
  queue_.Stop();
  if (writer_.joinable()) writer_.join();
  while (RunOnce()) {
  }
  commit_thread_.reset();
}

Status EventLogger::OpenTable() {
  if (Status ours = lock_.CheckStillHeld(); !ours) return ours;
  Result<OpenedJournal> opened =
      OpenJournal(files_, clock_, options_.runs_dir, corruption_seen_.exchange(false),
                  std::exchange(options_.rebuild_states, false));
  if (!opened) return tl::unexpected(opened.error());
  table_ = std::move(opened->table);
  failed_table_.reset();
  identity_ = std::move(opened->identity);
  sequencer_ = {opened->next_seq, opened->last_ts_micros};
  CompareClock();
  reader_->Reopen();
  LogRecovery(opened->report, identity_.journal_id);
  states_were_rebuilt_ = opened->report.states_rebuilt || !opened->report.states_differed.empty();
  if (Status loaded = deletions_.Load(*table_); !loaded) return loaded;
  int64_t head = 0;
  try {
    head = table_->HeadSeq();
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  job_tables_.BeginAfter(head);
  for (const ObstructedFile& file : opened->obstructed_files) {
    job_files_.Obstruct(file.job_id, file.first_missing_job_seq, file.problem);
  }
  job_files_.Noted();  // by recovery
  ShowObstructedFiles();
  health_.AddLostTails(opened->report.lost_tails);
  health_.SetOpened(identity_.journal_id, head, opened->report.set_aside);
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
  request.pushed_micros = clock_.MonotonicMicros();
  if (auto refusal = Admit(request, wakes)) request.done(tl::unexpected(std::move(*refusal)));
}

std::optional<Refusal> EventLogger::Admit(Request& request, bool wakes) {
  if (auto refusal = health_.GetRefusal()) return refusal;
  switch (queue_.Push(request, wakes)) {
    case AppendQueue::Admission::kTaken:
      return std::nullopt;
    case AppendQueue::Admission::kStopping:
      return ShuttingDown("not_applied");
    case AppendQueue::Admission::kFull:
      break;
  }
  return Overloaded("too many events are waiting to be written; try again later");
}

bool EventLogger::NotifyWriter(bool may_commit_inline) {
  const size_t waiting = queue_.size();
  if (waiting == 0) return false;
  const bool is_little = waiting <= kMaxLedRequests && queue_.bytes() <= kMaxLedBytes;
  if (may_commit_inline && is_little && !is_writing_) return true;
  queue_.Wake();
  return false;
}

// What is not a plain group to write is left to the writer's own thread.
void EventLogger::CommitInline() {
  std::unique_lock writing(writing_, std::try_to_lock);
  if (writing && table_ != nullptr && !corruption_seen_ && !job_tables_.IsTooFarBehind()) {
    std::vector<Request> group = queue_.Take(options_.group_requests);
    if (!group.empty()) Process(std::move(group));
    queue_.SetTimer(NextTimerMicros());
  }
  if (queue_.size() > 0) queue_.Wake();
}

int64_t EventLogger::NextTimerMicros() const {
  if (table_ == nullptr) return retry_at_micros_;
  if (HasMaintenance()) return 0;  // at once
  const int64_t oldest =
      job_tables_.IsPutOff() ? INT64_MAX : job_files_.files().OldestDirtyMicros();
  int64_t next = oldest == INT64_MAX ? INT64_MAX : oldest + options_.idle_sync_micros;
  for (const MaintenanceTask* task : tasks_) next = std::min(next, task->NextDueMicros());
  return std::min({next, job_files_.NextRepairMicros(), deletions_.NextDueMicros(),
                   job_tables_.NextDueMicros()});
}

bool EventLogger::RunOnce(bool may_wait) {
  if (may_wait) queue_.Wait(clock_);
  const std::lock_guard writing(writing_);
  is_writing_ = true;
  const bool goes_on = TakeTurn();
  UpdateObstructedFiles();
  is_writing_ = false;
  queue_.SetTimer(NextTimerMicros());
  return goes_on;
}

// Writes the group of requests that is next; where there is none, does what is due.
bool EventLogger::TakeTurn() {
  if (closed_) return false;
  std::vector<Request> group = queue_.Take(options_.group_requests);
  if (table_ != nullptr && corruption_seen_) CloseAfterFailure("the database is damaged");
  if (table_ == nullptr && clock_.MonotonicMicros() >= retry_at_micros_) TryReopen();
  if (!group.empty()) {
    if (table_ == nullptr || !LimitTableLag()) {
      RefuseAll(std::move(group));
    } else {
      Process(std::move(group));
    }
    DoUpkeep();
    return true;
  }
  const bool is_stopped = queue_.IsStoppedAndEmpty();  // before: all later requests are refused
  if (HasUpkeep()) {
    DoUpkeep();
    return true;
  }
  if (is_stopped) {
    CloseCleanly();
    return false;
  }
  if (table_ != nullptr) SyncIdleFiles(clock_.MonotonicMicros() - options_.idle_sync_micros);
  return true;
}

void EventLogger::RefuseAll(std::vector<Request> requests) {
  const std::string problem = health_.Get().problem;
  for (Request& request : requests) {
    request.done(tl::unexpected(JournalUnavailable(problem, "not_applied")));
  }
}

void EventLogger::CloseAfterFailure(const std::string& problem) {
  metrics_.failures_total.Add();
  spdlog::error("[journal] cannot write: {}; refusing appends until it can", problem);
  if (table_ != nullptr) {
    // SQLite's log may hold a commit whose sync has failed. While a connection from before stays
    // open nobody finds it there; the first one to open after the last was closed would, and a
    // reader would be shown what a power cut can still take back.
    table_->Rollback();
    failed_table_ = std::move(table_);
  }
  if (corruption_seen_) failed_table_.reset();
  job_files_.Clear();
  job_tables_.Clear();
  cache_.Clear();
  retry_at_micros_ = clock_.MonotonicMicros() + options_.retry_micros;
  health_.SetClosed(problem);
  deletions_.Abandon(problem);
  AbandonTasks(problem);
}

// Opening the journal anew is the remedy, and nothing need be waited for: everybody's appends are
// refused until then. Where it was no remedy, it is not done over and over.
void EventLogger::ReopenSoon() {
  const int64_t now = clock_.MonotonicMicros();
  if (now - reopened_at_micros_ >= options_.retry_micros) retry_at_micros_ = now;
}

void EventLogger::TryReopen() {
  retry_at_micros_ = clock_.MonotonicMicros() + options_.retry_micros;
  const bool corrupt = corruption_seen_;
  if (const Status opened = OpenTable(); !opened) {
    corruption_seen_ = corrupt;
    spdlog::debug("[journal] still cannot write: {}", opened.error().message);
    return;
  }
  reopened_at_micros_ = clock_.MonotonicMicros();
  try {
    announcer_.AnnounceMissed(*table_);
    deletions_.AnnounceFinished();
    spdlog::info("[journal] accepting events again");
  } catch (const SQLite::Exception& problem) {
    CloseAfterFailure(problem.what());
  }
}

// Syncs and notes files that were not appended to since `before_micros`, a few at a time so that an
// append that comes meanwhile does not wait.
void EventLogger::SyncIdleFiles(int64_t before_micros) {
  constexpr int kFilesAtOnce = 64;
  JobFiles& files = job_files_.files();
  if (files.OldestDirtyMicros() > before_micros) return;
  if (!WriteTables()) return;  // what is noted stands in their rows
  if (Status ours = lock_.CheckStillHeld(); !ours) return CloseAfterFailure(ours.error().message);
  const auto database = files_.Stat(DatabasePath(options_.runs_dir));
  if (!database) return CloseAfterFailure(database.error().message);
  if (!database->has_value()) {
    // Deleted under our feet: what is committed from now on would go with the last open descriptor.
    corruption_seen_ = true;
    return CloseAfterFailure("stagelog.db was deleted");
  }
  try {
    table_->Begin();
    if (Status synced = files.SyncNewFolders(); !synced) {
      throw SQLite::Exception(synced.error().message);
    }
    WriterAccess access(*table_, cache_, job_files_, deletions_);
    for (int i = 0; i < kFilesAtOnce && files.OldestDirtyMicros() <= before_micros; ++i) {
      access.SyncFile(std::string(files.OldestDirty()));
    }
    table_->Commit();
  } catch (const SQLite::Exception& problem) {
    CloseAfterFailure(problem.what());
  }
}

void EventLogger::CloseCleanly() {
  closed_ = true;
  if (table_ != nullptr && !WriteTables()) {
    CloseAfterFailure("the tables of jobs cannot be written: " +
                      job_tables_.GetFollowerStatus().problem);
  }
  while (table_ != nullptr && job_files_.files().OldestDirtyMicros() != INT64_MAX) {
    SyncIdleFiles(INT64_MAX - 1);
  }
  if (table_ == nullptr) return;
  if (Status ours = lock_.CheckStillHeld(); !ours) {
    spdlog::error("[journal] cannot close cleanly: {}", ours.error().message);
    table_.reset();
    return job_files_.Clear();
  }
  try {
    constexpr int64_t kRepairMicros = 3'000'000;
    job_files_.RepairAll(*table_, clock_.MonotonicMicros() + kRepairMicros);
    while (job_files_.files().OldestDirtyMicros() != INT64_MAX) SyncIdleFiles(INT64_MAX - 1);
  } catch (const SQLite::Exception& problem) {
    spdlog::error("[journal] cannot complete the files: {}", problem.what());
  }
  if (table_ == nullptr) return;
  ShowObstructedFiles();
  identity_.highest_seq = sequencer_.next_seq - 1;
  identity_.owed_files = job_files_.OwedFiles();
  try {
    if (WriteJournalIdentity(files_, options_.runs_dir, identity_)) {
      table_->Begin();
      table_->SetHighestSeq(identity_.highest_seq);
      table_->SetFloorSeq(identity_.highest_seq);
      table_->Commit();
    }
  } catch (const SQLite::Exception& problem) {
    spdlog::error("[journal] cannot close cleanly: {}", problem.what());
  }
  table_.reset();
  job_files_.Clear();
  job_tables_.Clear();
}

}  // namespace stagelog
