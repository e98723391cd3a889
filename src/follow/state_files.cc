#include "follow/state_files.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/mutex.h"
#include "follow/follow_cursor.h"

namespace stagelog {
namespace {

// From the first event of a job to the writing. Longer where a round takes long, so that the files
// of many busy jobs do not cost more than an eighth of a core or so; but together with the round
// not longer than kInTimeMicros, unless the round alone takes most of that.
constexpr int64_t kGatherMicros = 300'000;
constexpr int64_t kLongestGatherMicros = 700'000;
constexpr int64_t kInTimeMicros = 900'000;
constexpr int64_t kGatherPerRound = 8;  // times what the last round took
constexpr int64_t kCheckpointMicros = 10'000'000;
constexpr int64_t kFinishMicros = 3'000'000;
// Long work is done in portions, between which what is fresh is written.
constexpr int64_t kPortionMicros = 100'000;

std::string TakeLast(std::vector<std::string>& names) {
  std::string name = std::move(names.back());
  names.pop_back();
  return name;
}

}  // namespace

StateFiles::StateFiles(FileSystem& files, JobSource& source, JournalStatusSource& status,
                       Clock& clock, MetricsRegistry& metrics, std::string runs_dir,
                       bool rewrite_all)
    : files_(files),
      source_(source),
      status_(status),
      clock_(clock),
      runs_dir_(std::move(runs_dir)),
      rewrite_all_(rewrite_all),
      failures_total_(metrics.GetCounter("stagelog_state_file_failures_total",
                                         "Failed writes of state files or "
                                         "their cursor.")),
      states_(source),
      writer_(files, runs_dir_),
      gather_micros_(kGatherMicros) {}

bool StateFiles::Note(const CommittedBatchPointer& batch) {
  const auto& events = batch->events;
  const MutexLock lock(mutex_);
  const bool begins = fresh_.empty();
  if (begins) {
    fresh_due_micros_ = clock_.BootMicros() + gather_micros_;
    fresh_since_seq_ = events.front().seq;
  }
  for (size_t i = 0; i < events.size(); ++i) {
    const bool is_repeated = i > 0 && events[i].job_id == events[i - 1].job_id;
    if (!is_repeated) fresh_.try_emplace(events[i].job_id, events[i].seq);
  }
  announced_seq_ = events.back().seq;
  return begins;
}

// Nothing is to be written; a job that is being written is not found.
bool StateFiles::NoteDeletion(const std::string& /*job_id*/, int64_t seq) {
  const MutexLock lock(mutex_);
  if (covered_seq_ == announced_seq_) covered_seq_ = seq;
  announced_seq_ = seq;
  return false;
}

WorkTime StateFiles::NextWork() {
  if (!has_caught_up_ || !backlog_.empty()) return {.boot_micros = WorkTime::kAtOnce};
  WorkTime next{.boot_micros = checkpoint_at_micros_};
  const MutexLock lock(mutex_);
  if (!fresh_.empty()) next.boot_micros = std::min(next.boot_micros, fresh_due_micros_);
  return next;
}

Result<TurnOutcome> StateFiles::Work(const Turn& turn) {
  const int64_t now = clock_.BootMicros();
  if (!has_caught_up_) {
    if (const Status caught_up = CatchUp(); !caught_up) {
      failures_total_.Add();
      return tl::unexpected(caught_up.error());
    }
  }
  if (turn.is_retry) RetryFailed();
  WriteFresh(now);
  WriteBacklog();
  MoveCursor(now);
  const MutexLock lock(mutex_);
  covered_seq_ = CoveredThrough();
  return TurnOutcome{.problem = failed_.empty() ? "" : problem_};
}

// Finds the jobs that the last run has left behind. The head comes first: what is committed later
// is announced.
Status StateFiles::CatchUp() {
  const int64_t head = status_.GetStatus().head_seq;
  const int64_t cursor = ReadFollowCursor(files_, runs_dir_).state_files_through;
  // A cursor beyond the head tells of another journal than this one: an older copy was put back.
  const int64_t after = rewrite_all_ || cursor > head ? 0 : cursor;
  Result<std::vector<std::string>> jobs = source_.JobsChangedAfter(after);
  if (!jobs) return tl::unexpected(jobs.error());
  backlog_ = std::move(*jobs);
  cursor_seq_ = after;
  has_caught_up_ = true;
  const MutexLock lock(mutex_);
  announced_seq_ = std::max(announced_seq_, head);
  return {};
}

void StateFiles::WriteFresh(int64_t now_micros) {
  BehindSince jobs;
  {
    const MutexLock lock(mutex_);
    if (fresh_.empty() || now_micros < fresh_due_micros_) return;
    jobs.swap(fresh_);
  }
  const int64_t begun_micros = clock_.BootMicros();
  for (const auto& [job_id, since_seq] : jobs) {
    // What has failed waits for the retry, and has been behind for longer.
    if (!failed_.contains(job_id)) WriteJob(job_id, since_seq);
  }
  const int64_t took_micros = clock_.BootMicros() - begun_micros;
  const int64_t longest =
      std::clamp(kInTimeMicros - took_micros, kGatherMicros, kLongestGatherMicros);
  const MutexLock lock(mutex_);
  gather_micros_ = std::clamp(kGatherPerRound * took_micros, kGatherMicros, longest);
}

void StateFiles::RetryFailed() {
  const BehindSince jobs = failed_;
  for (const auto& [job_id, since_seq] : jobs) WriteJob(job_id, since_seq);
}

void StateFiles::WriteBacklog() {
  const int64_t until = clock_.BootMicros() + kPortionMicros;
  while (!backlog_.empty() && clock_.BootMicros() < until) {
    const std::string job_id = TakeLast(backlog_);
    if (!failed_.contains(job_id)) WriteJob(job_id, cursor_seq_ + 1);
  }
}

void StateFiles::WriteJob(const std::string& job_id, int64_t since_seq) {
  if (const Status written = TryWriteJob(job_id); !written) {
    OnFailure(job_id, since_seq, written.error());
  } else {
    failed_.erase(job_id);
  }
}

// The state never names an event that is not in events.jsonl: what is announced was written there,
// unless the file is obstructed.
Status StateFiles::TryWriteJob(const std::string& job_id) {
  const auto behind = [&] { return status_.IsFileBehind(job_id); };
  const Error problem{"events.jsonl does not have all events yet"};
  if (behind()) return tl::unexpected(problem);
  StateChanges changes;
  const int64_t head = status_.GetStatus().head_seq;
  const Result<const JobState*> state = states_.Advance(job_id, changes, head);
  if (!state) return tl::unexpected(state.error());
  if (*state == nullptr) return {};
  if (behind()) return tl::unexpected(problem);
  Status written = writer_.Write(**state, changes);
  if ((*state)->IsTerminal()) states_.Forget(job_id);
  return written;
}

// The state is forgotten with what it had changed, so that the next attempt writes everything.
void StateFiles::OnFailure(const std::string& job_id, int64_t since_seq, const Error& error) {
  failures_total_.Add();
  states_.Forget(job_id);
  problem_ = job_id + ": " + error.message;
  if (!failed_.try_emplace(job_id, since_seq).second) return;
  LogWarning("[follow] cannot update the state files of {}: {}; retrying every second", job_id,
             error.message);
}

// No job whose last event is at or before this is behind.
int64_t StateFiles::CoveredThrough() const {
  if (!backlog_.empty()) return cursor_seq_;
  int64_t through = fresh_.empty() ? announced_seq_ : fresh_since_seq_ - 1;
  for (const auto& [job_id, since_seq] : failed_) through = std::min(through, since_seq - 1);
  return through;
}

void StateFiles::MoveCursor(int64_t now_micros) {
  if (now_micros >= checkpoint_at_micros_) Checkpoint();
  if (checkpoint_at_micros_ == WorkTime::kNever && BeginCheckpoint()) {
    checkpoint_at_micros_ = now_micros + kCheckpointMicros;
  }
}

void StateFiles::Checkpoint() {
  if (!std::exchange(is_syncing_, true)) sync_queue_ = writer_.UnsyncedThrough(next_cursor_seq_);
  if (!SyncSome()) {
    is_syncing_ = false;
    checkpoint_at_micros_ = WorkTime::kNever;
  } else if (sync_queue_.empty()) {
    is_syncing_ = false;
    EndCheckpoint();
  }
}

// False when the cursor is where it can be.
bool StateFiles::BeginCheckpoint() {
  const MutexLock lock(mutex_);
  next_cursor_seq_ = CoveredThrough();
  return next_cursor_seq_ > cursor_seq_;
}

// What is written from here on is of events after the cursor's next place and may be synced with it
// or not. False when a file could not be synced: it is written again, and the cursor stays.
bool StateFiles::SyncSome() {
  const int64_t until = clock_.BootMicros() + kPortionMicros;
  while (!sync_queue_.empty() && clock_.BootMicros() < until) {
    const std::string job_id = TakeLast(sync_queue_);
    if (const Status synced = writer_.Sync(job_id); !synced) {
      OnFailure(job_id, cursor_seq_ + 1, synced.error());
      return false;
    }
  }
  return true;
}

void StateFiles::EndCheckpoint() {
  // The folders of new jobs come first: the cursor says that what is in them is there for good.
  Status written = files_.SyncDirectory(runs_dir_);
  if (written) written = WriteFollowCursor(files_, runs_dir_, {next_cursor_seq_});
  if (written) {
    cursor_seq_ = next_cursor_seq_;
    cursor_failed_ = false;
    checkpoint_at_micros_ = WorkTime::kNever;
    return;
  }
  failures_total_.Add();
  checkpoint_at_micros_ = clock_.BootMicros() + kCheckpointMicros;
  if (!std::exchange(cursor_failed_, true)) {
    LogWarning(
        "[follow] cannot save the cursor: {}; the next start rewrites more state files than needed",
        written.error().message);
  }
}

void StateFiles::Finish() {
  const int64_t give_up_at = clock_.BootMicros() + kFinishMicros;
  const auto may_go_on = [&] { return clock_.BootMicros() < give_up_at; };
  if (!has_caught_up_) return;  // no turn, or never able to read: the next start begins here
  RetryFailed();
  WriteFresh(INT64_MAX);
  while (!backlog_.empty() && may_go_on()) WriteBacklog();
  if (!BeginCheckpoint()) return;
  sync_queue_ = writer_.UnsyncedThrough(next_cursor_seq_);
  while (!sync_queue_.empty() && may_go_on()) {
    if (!SyncSome()) return;
  }
  if (sync_queue_.empty()) EndCheckpoint();
}

}  // namespace stagelog
