#include "archive/archiver.h"

#include <utility>

#include "base/logging.h"
#include "core/append_refusal.h"

namespace stagelog {

Archiver::Archiver(RetentionOptions options, EventLogger& logger, FileSystem& files,
                   const std::string& runs_dir, Clock& clock, MetricsRegistry& metrics)
    : options_(options),
      logger_(logger),
      clock_(clock),
      pass_(options, files, runs_dir, metrics),
      next_pass_micros_(clock.MonotonicMicros() + options.interval_micros / 10) {}

void Archiver::RunRetention(bool dry_run, RetentionDone done) {
  MutexLock lock(mutex_);
  if (std::optional<Refusal> refusal = logger_.GetRefusal()) {
    lock.unlock();
    return done(tl::unexpected(std::move(*refusal)));
  }
  calls_.push_back({dry_run, std::move(done)});
  lock.unlock();
  logger_.WakeWriter();
}

bool Archiver::IsDue() const { return clock_.MonotonicMicros() >= NextDueMicros(); }

int64_t Archiver::NextDueMicros() const { return options_.IsOn() ? next_pass_micros_ : INT64_MAX; }

bool Archiver::HasWork() const {
  if (call_ || IsDue()) return true;
  const MutexLock lock(mutex_);
  return !calls_.empty();
}

Status Archiver::Step(WriterAccess& access) {
  if (!call_) {
    Begin(access.table());
    return {};
  }
  if (Status done = pass_.Step(access); !done) return done;
  if (!pass_.IsRunning()) Finish();
  return {};
}

std::optional<Archiver::Call> Archiver::TakeCall() {
  const MutexLock lock(mutex_);
  if (calls_.empty()) return std::nullopt;
  Call call = std::move(calls_.front());
  calls_.pop_front();
  return call;
}

void Archiver::Begin(EventTable& table) {
  call_ = TakeCall();
  if (!call_) call_ = Call{.dry_run = false, .done = [](const auto&) {}};  // it is time
  pass_.Begin(table, clock_.WallMicros(), call_->dry_run);
}

void Archiver::Finish() {
  const Call finished = std::move(*call_);
  call_.reset();
  RetentionReport report = pass_.TakeReport();
  if (!finished.dry_run) {
    next_pass_micros_ = clock_.MonotonicMicros() + options_.interval_micros;
    if (report.events_dropped + report.jobs_compressed + report.jobs_deleted > 0) {
      LogInfo(
          "[journal] retention: {} events dropped from SQLite, {} files compressed, {} "
          "jobs deleted",
          report.events_dropped, report.jobs_compressed, report.jobs_deleted);
    }
  }
  finished.done(std::move(report));
}

void Archiver::Abandon(const std::string& problem) {
  std::deque<Call> calls;
  {
    const MutexLock lock(mutex_);
    calls.swap(calls_);
  }
  if (call_) calls.push_front(std::move(*call_));
  call_.reset();
  pass_.Abandon();
  next_pass_micros_ = clock_.MonotonicMicros() + options_.interval_micros / 10;
  for (const Call& call : calls) {
    call.done(tl::unexpected(JournalUnavailable(problem, "unknown")));
  }
}

}  // namespace stagelog
