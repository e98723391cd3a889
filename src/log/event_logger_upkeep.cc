// What EventLogger does between two groups of appends, a slice at a time.
#include <algorithm>

#include "base/logging.h"
#include "base/mutex.h"
#include "core/gate_rules.h"
#include "log/event_logger.h"

namespace stagelog {
namespace {

DeletedJobReport ReportOf(const Tombstone& tombstone) {
  return {.job_id = tombstone.job_id,
          .event_count = tombstone.event_count,
          .first_seq = tombstone.first_seq,
          .last_seq = tombstone.last_seq,
          .deleted_at_micros = tombstone.deleted_at_micros};
}

RetentionReport::Job JobOf(const RetentionAction& action) {
  using Action = RetentionReport::Action;
  if (!action.delete_job.empty()) return {action.delete_job, Action::kDelete, action.event_count};
  if (!action.compress_job.empty()) {
    return {action.compress_job, Action::kCompress, action.event_count};
  }
  return {action.trim.job_id, Action::kDropEvents, action.event_count};
}

}  // namespace

void EventLogger::DeleteJob(std::string job_id, std::string actor, DeleteDone done) {
  MutexLock lock(status_mutex_);
  if (std::optional<Refusal> refusal = CurrentRefusal()) {
    lock.unlock();
    return done(tl::unexpected(std::move(*refusal)));
  }
  deletions_.push_back({std::move(job_id), std::move(actor), std::move(done)});
  lock.unlock();
  queue_.Wake();
}

bool EventLogger::IsDeleted(const std::string& job_id) const {
  const MutexLock lock(status_mutex_);
  return deleted_.contains(job_id);
}

// What opening the journal has finished is news to the listeners.
Status EventLogger::LoadDeletedJobs() {
  std::unordered_set<std::string> deleted;
  try {
    for (const Tombstone& tombstone : table_->AllTombstones()) {
      deleted.insert(tombstone.job_id);
      if (!IsDeleted(tombstone.job_id)) unannounced_deletions_.emplace(tombstone.job_id, tombstone);
    }
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  const MutexLock lock(status_mutex_);
  deleted_ = std::move(deleted);
  return {};
}

bool EventLogger::HasUpkeep() const {
  const MutexLock lock(status_mutex_);
  if (!deletions_.empty() || !retention_calls_.empty()) return true;
  if (table_ == nullptr) return false;
  if (!files_to_compare_.empty()) return true;
  // What retention does can wait for the next start; who waits for a pass is told then.
  return remover_.HasWork() || pass_ || (!stopping_ && RetentionIsDue());
}

// Begins what was asked for and does one slice of what is under way.
void EventLogger::DoUpkeep() {
  std::vector<Deletion> deletions;
  std::unordered_set<std::string> files_to_compare;
  bool is_stopping = false;
  {
    const MutexLock lock(status_mutex_);
    deletions.swap(deletions_);
    files_to_compare.swap(files_to_compare_);
    is_stopping = stopping_;
  }
  const bool has_work = !deletions.empty() || remover_.HasWork() || pass_ || RetentionIsDue();
  if (table_ != nullptr && has_work) {
    const Status ours = lock_.CheckStillHeld();
    if (!ours) CloseAfterFailure(ours.error().message);
  }
  for (Deletion& deletion : deletions) BeginDeletion(std::move(deletion));
  if (table_ != nullptr && !files_to_compare.empty()) RecompareFiles(files_to_compare);
  if (is_stopping) AbandonRetention("the daemon is shutting down");
  if (table_ == nullptr) return;
  if (!remover_.HasWork()) return StepRetention();
  if (const Status done = remover_.Step(*table_); !done) CloseAfterFailure(done.error().message);
}

// A reader has found a line gone that is in the file alone: opening the journal anew compares the
// file, says what is lost, and lets the rest be read.
void EventLogger::RecompareFiles(const std::unordered_set<std::string>& job_ids) {
  try {
    for (const std::string& job_id : job_ids) {
      if (const auto job = table_->FindJob(job_id)) table_->ForgetFileStamp(job->first_seq);
    }
  } catch (const SQLite::Exception& problem) {
    return CloseAfterFailure(problem.what());
  }
  CloseAfterFailure("events.jsonl of " + *job_ids.begin() + " was changed by another program");
  ReopenSoon();
}

void EventLogger::AbandonUpkeep(const std::string& problem) {
  remover_.Abandon();
  AbandonRetention(problem);
}

// --- Retention ---

void EventLogger::RunRetention(bool dry_run, RetentionDone done) {
  MutexLock lock(status_mutex_);
  if (std::optional<Refusal> refusal = CurrentRefusal()) {
    lock.unlock();
    return done(tl::unexpected(std::move(*refusal)));
  }
  retention_calls_.push_back({dry_run, std::move(done)});
  lock.unlock();
  queue_.Wake();
}

bool EventLogger::RetentionIsDue() const {
  return options_.retention.IsOn() && clock_.MonotonicMicros() >= next_pass_micros_;
}

void EventLogger::StepRetention() {
  try {
    if (!pass_) return BeginRetention();
    if (trimmer_.HasWork()) return StepTrimming();
    if (compressor_.HasWork()) return StepCompression();
    if (retention_actions_.empty()) return PlanRetentionActions();
    const RetentionAction action = std::move(retention_actions_.front());
    retention_actions_.pop_front();
    BeginRetentionAction(action);
  } catch (const SQLite::Exception& problem) {
    if (IsCorruption(problem)) corruption_seen_ = true;
    CloseAfterFailure(problem.what());
  }
}

void EventLogger::BeginRetentionAction(const RetentionAction& action) {
  if (!action.delete_job.empty()) {
    DeleteIfUnchanged(action);
  } else if (!action.compress_job.empty()) {
    BeginCompression(action);
  } else {
    trimmer_.Begin(action.trim);
  }
}

// Since the pass looked at the job others have gone, for minutes perhaps: meanwhile it may have
// begun again, or got a late event, which was acknowledged.
void EventLogger::DeleteIfUnchanged(const RetentionAction& action) {
  const JobState* job = cache_.Find(*table_, action.delete_job);
  if (job == nullptr || !job->IsTerminal() || job->job_seq != action.event_count) return;
  ++pass_report_.jobs_deleted;
  AddToReport(action);
  BeginDeletion({action.delete_job, "", [](const auto&) {}});
}

void EventLogger::AddToReport(const RetentionAction& action) {
  constexpr size_t kMaxJobsNamed = 1'000;
  if (pass_report_.jobs.size() < kMaxJobsNamed) pass_report_.jobs.push_back(JobOf(action));
}

// Only a file that is noted is compressed, and that would be noted when it was idle for a while.
void EventLogger::BeginCompression(const RetentionAction& action) {
  const std::string& job_id = action.compress_job;
  const auto synced = job_files_.SyncIfDirty(job_id);
  if (!synced) return CloseAfterFailure(synced.error().message);
  const JobState* state = *synced ? cache_.Find(*table_, job_id) : nullptr;
  if (state != nullptr) table_->WriteFileStamp(state->first_seq, {(*synced)->info, state->job_seq});
  compressor_.Begin(job_id, action.event_count);
}

void EventLogger::StepTrimming() {
  const Result<int64_t> dropped = trimmer_.Step(*table_);
  if (!dropped) return CloseAfterFailure(dropped.error().message);
  events_dropped_total_.Add(static_cast<uint64_t>(*dropped));
}

// Where it fails nothing is lost and nobody has to wait: the file stays as it is until the next
// pass.
void EventLogger::StepCompression() {
  const std::string job_id = compressor_.job_id();
  const Result<JobCompressor::Progress> progress = compressor_.Step(*table_);
  cache_.Forget(job_id);  // what it knows of the file
  if (!progress) {
    compression_failures_total_.Add();
    spdlog::warn("[journal] cannot compress events.jsonl of {}, leaving it as is: {}", job_id,
                 progress.error().message);
    return job_files_.Forget(job_id);
  }
  if (*progress != JobCompressor::Progress::kDone) return;
  job_files_.Forget(job_id);
  jobs_compressed_total_.Add();
  const uint64_t before = compressor_.plain_bytes();
  const uint64_t after = compressor_.compressed_bytes();
  compression_saved_bytes_total_.Add(before - std::min(before, after));
  ++pass_report_.jobs_compressed;
}

// A pass for who asks for one, or because it is time.
void EventLogger::BeginRetention() {
  {
    const MutexLock lock(status_mutex_);
    if (!retention_calls_.empty()) {
      pass_ = std::move(retention_calls_.front());
      retention_calls_.pop_front();
    }
  }
  if (!pass_ && !RetentionIsDue()) return;
  if (!pass_) pass_ = RetentionCall{false, [](const auto&) {}};
  pass_report_ = {.dry_run = pass_->dry_run};
  retention_.BeginPass(*table_, clock_.WallMicros());
}

void EventLogger::PlanRetentionActions() {
  if (!retention_.IsRunning()) return FinishRetention();
  for (RetentionAction& action : retention_.Look(*table_)) {
    const RetentionReport::Action kind = JobOf(action).action;
    switch (kind) {
      case RetentionReport::Action::kDropEvents:
        pass_report_.events_dropped += action.event_count;
        break;
      case RetentionReport::Action::kCompress:  // counted when done, for it may be put off
        pass_report_.jobs_compressed += pass_->dry_run ? 1 : 0;
        break;
      case RetentionReport::Action::kDelete:  // likewise, when it begins
        pass_report_.jobs_deleted += pass_->dry_run ? 1 : 0;
        break;
    }
    if (pass_->dry_run || kind != RetentionReport::Action::kDelete) AddToReport(action);
    if (!pass_->dry_run) retention_actions_.push_back(std::move(action));
  }
}

void EventLogger::FinishRetention() {
  const RetentionCall finished = std::move(*pass_);
  pass_.reset();
  if (!finished.dry_run) {
    next_pass_micros_ = clock_.MonotonicMicros() + options_.retention.interval_micros;
    const RetentionReport& report = pass_report_;
    if (report.events_dropped + report.jobs_compressed + report.jobs_deleted > 0) {
      spdlog::info(
          "[journal] retention: {} events dropped from SQLite, {} files compressed, {} "
          "jobs deleted",
          report.events_dropped, report.jobs_compressed, report.jobs_deleted);
    }
  }
  finished.done(std::move(pass_report_));
}

void EventLogger::AbandonRetention(const std::string& problem) {
  std::deque<RetentionCall> calls;
  {
    const MutexLock lock(status_mutex_);
    calls.swap(retention_calls_);
  }
  if (pass_) calls.push_front(std::move(*pass_));
  pass_.reset();
  trimmer_.Abandon();
  compressor_.Abandon();
  retention_.Abandon();
  retention_actions_.clear();
  next_pass_micros_ = clock_.MonotonicMicros() + options_.retention.interval_micros / 10;
  for (const RetentionCall& call : calls) {
    call.done(tl::unexpected(Unavailable(problem, "unknown")));
  }
}

// --- Deletions ---

void EventLogger::BeginDeletion(Deletion deletion) {
  if (table_ == nullptr) {
    return deletion.done(tl::unexpected(Unavailable(GetStatus().problem, "not_applied")));
  }
  Tombstone tombstone;
  try {
    const JobState* job = cache_.Find(*table_, deletion.job_id);
    if (job == nullptr) {
      return deletion.done(tl::unexpected(table_->IsDeleted(deletion.job_id)
                                              ? DeletedJob(deletion.job_id)
                                              : UnknownJob(deletion.job_id)));
    }
    tombstone = {.job_id = job->job_id,
                 .first_seq = job->first_seq,
                 .last_seq = job->as_of_seq,
                 .last_ts_micros = job->updated_at_micros,
                 .event_count = job->job_seq,
                 .deleted_at_micros = clock_.WallMicros(),
                 .actor = deletion.actor};
  } catch (const SQLite::Exception& problem) {
    deletion.done(tl::unexpected(Unavailable(problem.what(), "not_applied")));
    return CloseAfterFailure(problem.what());
  }
  const auto done = std::make_shared<DeleteDone>(std::move(deletion.done));
  const Status begun = remover_.Begin(*table_, tombstone, [this, done](const Tombstone* gone) {
    if (gone == nullptr) {
      return (*done)(tl::unexpected(Unavailable(GetStatus().problem, "unknown")));
    }
    FinishDeletion(*gone);
    (*done)(ReportOf(*gone));
  });
  if (!begun) {
    CloseAfterFailure(begun.error().message);
    return (*done)(tl::unexpected(Unavailable(begun.error().message, "unknown")));
  }
  cache_.Forget(tombstone.job_id);
  job_files_.Forget(tombstone.job_id);
  unannounced_deletions_.emplace(tombstone.job_id, tombstone);
  const MutexLock lock(status_mutex_);
  deleted_.insert(tombstone.job_id);
}

void EventLogger::FinishDeletion(const Tombstone& tombstone) {
  spdlog::info("[journal] deleted job {}: {} events, seq {} to {}", tombstone.job_id,
               tombstone.event_count, tombstone.first_seq, tombstone.last_seq);
  jobs_deleted_total_.Add();
  unannounced_deletions_.erase(tombstone.job_id);
  for (CommitListener* listener : listeners_) listener->OnJobDeleted(tombstone.job_id);
}

}  // namespace stagelog
