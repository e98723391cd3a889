#include "log/event_logger.h"

#include <pthread.h>

#include <utility>

#include "core/append_refusal.h"
#include "log/journal_lifecycle.h"
#include "log/table/sqlite_setup.h"

namespace stagelog {
namespace {

// What another thread may write itself instead of waking the writer.
constexpr size_t kMaxLedRequests = 4;
constexpr size_t kMaxLedBytes = size_t{16} << 10;

}  // namespace

EventLogger::EventLogger(EventLoggerOptions options, FileSystem& files, Clock& clock,
                         MetricsRegistry& metrics, RunLock lock)
    : parts_(std::move(options), files, clock, metrics, std::move(lock)),
      reader_(
          DatabasePath(parts_.options.runs_dir), files.SqliteVfs(), clock,
          [this] { parts_.ReportCorruption(); }, files,
          [this](int64_t lag, int64_t timeout) { return parts_.job_tables.Await(lag, timeout); },
          [this](const std::string& job_id) { parts_.ReportLostLine(job_id); }) {}

Result<std::unique_ptr<EventLogger>> EventLogger::Open(EventLoggerOptions options,
                                                       FileSystem& files, Clock& clock,
                                                       MetricsRegistry& metrics) {
  SetUpSqlite();
  Result<RunLock> lock = LockRunsFolder(files, options.runs_dir);
  if (!lock) return tl::unexpected(lock.error());
  std::unique_ptr<EventLogger> logger(
      new EventLogger(std::move(options), files, clock, metrics, std::move(*lock)));
  if (Status opened = logger->writer_.Open(); !opened) return tl::unexpected(opened.error());
  return logger;
}

EventLogger::~EventLogger() { Stop(); }

void EventLogger::Start() {
  parts_.queue.SetTimer(writer_.NextTurnMicros());
  writer_.StartThreads();
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "writer");
    while (RunOnce()) {
    }
  });
}

void EventLogger::Stop() {
  parts_.health.SetStopping();
  parts_.queue.Stop();
  if (thread_.joinable()) thread_.join();
  while (RunOnce()) {
  }
  writer_.StopCommitThread();
}

void EventLogger::Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                         AppendDone done) {
  Push({std::move(drafts), std::move(precondition), std::move(done)}, true);
}

void EventLogger::Enqueue(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                          AppendDone done) {
  Push({std::move(drafts), std::move(precondition), std::move(done)}, false);
}

void EventLogger::Push(AppendRequest request, bool wakes) {
  request.bytes = SizeOf(request.drafts);
  request.pushed_micros = parts_.clock.MonotonicMicros();
  if (auto refusal = Admit(request, wakes)) request.done(tl::unexpected(std::move(*refusal)));
}

std::optional<Refusal> EventLogger::Admit(AppendRequest& request, bool wakes) {
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
  if (writing && writer_.IsReadyToWrite()) {
    writer_.WriteNextGroup();
    parts_.queue.SetTimer(writer_.NextTurnMicros());
  }
  if (parts_.queue.size() > 0) parts_.queue.Wake();
}

bool EventLogger::RunOnce(bool may_wait) {
  if (may_wait) parts_.queue.Wait(parts_.clock);
  const std::lock_guard writing(writing_);
  is_writing_ = true;
  const bool goes_on = writer_.TakeTurn();
  is_writing_ = false;
  parts_.queue.SetTimer(writer_.NextTurnMicros());
  return goes_on;
}

}  // namespace stagelog
