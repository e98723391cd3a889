#include "follow/state_files.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/logging.h"
#include "base/mutex.h"
#include "follow/follow_cursor.h"

namespace stagelog {
namespace {

constexpr int64_t kGatherMicros = 300'000;  // from the first event of a job to the writing
constexpr int64_t kRetryMicros = 1'000'000;
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
      writer_(files, runs_dir_) {}

StateFiles::~StateFiles() { Stop(); }

void StateFiles::Start() {
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "state-files");
    while (RunOnce()) {
    }
  });
}

void StateFiles::Stop() {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    wake_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
  Finish();
}

void StateFiles::OnCommit(const CommittedBatchPointer& batch) {
  const auto& events = batch->events;
  const MutexLock lock(mutex_);
  if (fresh_.empty()) {
    fresh_due_micros_ = clock_.MonotonicMicros() + kGatherMicros;
    fresh_since_seq_ = events.front().seq;
    wake_.notify_one();
  }
  for (size_t i = 0; i < events.size(); ++i) {
    const bool is_repeated = i > 0 && events[i].job_id == events[i - 1].job_id;
    if (!is_repeated) fresh_.try_emplace(events[i].job_id, events[i].seq);
  }
  announced_seq_ = events.back().seq;
}

// Nothing is to be written; a job that is being written is not found.
void StateFiles::OnJobDeleted(const std::string& /*job_id*/, int64_t seq) {
  const MutexLock lock(mutex_);
  if (covered_seq_ == announced_seq_) covered_seq_ = seq;
  announced_seq_ = seq;
}

bool StateFiles::RunOnce(bool may_wait) {
  if (!AwaitWork(may_wait)) return false;
  const int64_t now = clock_.MonotonicMicros();
  if (!has_caught_up_ && now >= retry_at_micros_) CatchUp();
  if (!has_caught_up_) return true;
  WriteFresh(now);
  RetryFailed(now);
  WriteBacklog();
  MoveCursor(now);
  const MutexLock lock(mutex_);
  covered_seq_ = CoveredThrough();
  return true;
}

int64_t StateFiles::LagEvents() const {
  return std::max<int64_t>(0, status_.GetStatus().head_seq - covered_seq_);
}

FollowerStatus StateFiles::GetFollowerStatus() const {
  const int64_t lag = LagEvents();
  const MutexLock lock(mutex_);
  return {.name = "state_files", .lag_events = lag, .problem = problem_};
}

void StateFiles::ShowProblem(const std::string& problem) {
  const MutexLock lock(mutex_);
  problem_ = problem;
}

// False when the thread is to end.
bool StateFiles::AwaitWork(bool may_wait) {
  MutexLock lock(mutex_);
  while (may_wait && !stopping_) {
    const int64_t next = NextWorkMicros();
    const int64_t now = clock_.MonotonicMicros();
    if (next <= now) break;
    if (next == INT64_MAX) {
      wake_.wait(lock);
    } else {
      wake_.wait_for(lock, std::chrono::microseconds(next - now));
    }
  }
  return !stopping_;
}

int64_t StateFiles::NextWorkMicros() const {
  if (!has_caught_up_) return retry_at_micros_;
  if (!backlog_.empty()) return INT64_MIN;
  int64_t next = checkpoint_at_micros_;
  if (!fresh_.empty()) next = std::min(next, fresh_due_micros_);
  if (!failed_.empty()) next = std::min(next, retry_at_micros_);
  return next;
}

// Finds the jobs that the last run has left behind. The head comes first: what is committed later
// is announced.
void StateFiles::CatchUp() {
  const int64_t head = status_.GetStatus().head_seq;
  const int64_t cursor = ReadFollowCursor(files_, runs_dir_).state_files_through;
  // A cursor beyond the head tells of another journal than this one: an older copy was put back.
  const int64_t after = rewrite_all_ || cursor > head ? 0 : cursor;
  Result<std::vector<std::string>> jobs = source_.JobsChangedAfter(after);
  if (!jobs) {
    const bool is_first = retry_at_micros_ == INT64_MIN;
    if (is_first) spdlog::warn("[follow] cannot write state files yet: {}", jobs.error().message);
    failures_total_.Add();
    retry_at_micros_ = clock_.MonotonicMicros() + kRetryMicros;
    return;
  }
  backlog_ = std::move(*jobs);
  cursor_seq_ = after;
  has_caught_up_ = true;
  const MutexLock lock(mutex_);
  announced_seq_ = std::max(announced_seq_, head);
}

void StateFiles::WriteFresh(int64_t now_micros) {
  BehindSince jobs;
  {
    const MutexLock lock(mutex_);
    if (fresh_.empty() || now_micros < fresh_due_micros_) return;
    jobs.swap(fresh_);
  }
  for (const auto& [job_id, since_seq] : jobs) {
    // What has failed waits for its own time, and has been behind for longer.
    if (!failed_.contains(job_id)) WriteJob(job_id, since_seq);
  }
}

void StateFiles::RetryFailed(int64_t now_micros) {
  if (failed_.empty() || now_micros < retry_at_micros_) return;
  retry_at_micros_ = clock_.MonotonicMicros() + kRetryMicros;
  const BehindSince jobs = failed_;
  for (const auto& [job_id, since_seq] : jobs) WriteJob(job_id, since_seq);
}

void StateFiles::WriteBacklog() {
  const int64_t until = clock_.MonotonicMicros() + kPortionMicros;
  while (!backlog_.empty() && clock_.MonotonicMicros() < until) {
    const std::string job_id = TakeLast(backlog_);
    if (!failed_.contains(job_id)) WriteJob(job_id, cursor_seq_ + 1);
  }
}

void StateFiles::WriteJob(const std::string& job_id, int64_t since_seq) {
  if (const Status written = TryWriteJob(job_id); !written) {
    OnFailure(job_id, since_seq, written.error());
  } else if (failed_.erase(job_id) > 0 && failed_.empty()) {
    ShowProblem("");
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
  if (failed_.empty()) retry_at_micros_ = clock_.MonotonicMicros() + kRetryMicros;
  ShowProblem(job_id + ": " + error.message);
  if (!failed_.try_emplace(job_id, since_seq).second) return;
  spdlog::warn("[follow] cannot update the state files of {}: {}; retrying every second", job_id,
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
  if (checkpoint_at_micros_ == INT64_MAX && BeginCheckpoint()) {
    checkpoint_at_micros_ = now_micros + kCheckpointMicros;
  }
  if (now_micros < checkpoint_at_micros_) return;
  if (!std::exchange(is_syncing_, true)) sync_queue_ = writer_.UnsyncedThrough(next_cursor_seq_);
  if (!SyncSome()) {
    is_syncing_ = false;
    checkpoint_at_micros_ = INT64_MAX;
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
  const int64_t until = clock_.MonotonicMicros() + kPortionMicros;
  while (!sync_queue_.empty() && clock_.MonotonicMicros() < until) {
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
    checkpoint_at_micros_ = INT64_MAX;
    return;
  }
  failures_total_.Add();
  checkpoint_at_micros_ = clock_.MonotonicMicros() + kCheckpointMicros;
  if (!std::exchange(cursor_failed_, true)) {
    spdlog::warn(
        "[follow] cannot save the cursor: {}; the next start rewrites more state files than needed",
        written.error().message);
  }
}

void StateFiles::Finish() {
  const int64_t give_up_at = clock_.MonotonicMicros() + kFinishMicros;
  const auto may_go_on = [&] { return clock_.MonotonicMicros() < give_up_at; };
  if (!has_caught_up_) return;  // never started, or never able to read: the next start begins here
  RetryFailed(INT64_MAX);
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
