// What EventLogger does between two groups of appends, a slice at a time.
#include "base/logging.h"
#include "core/gate_rules.h"
#include "journal/event_logger.h"

namespace stagelog {
namespace {

DeletedJobReport ReportOf(const Tombstone& tombstone) {
  return {.job_id = tombstone.job_id,
          .event_count = tombstone.event_count,
          .first_seq = tombstone.first_seq,
          .last_seq = tombstone.last_seq,
          .deleted_at_micros = tombstone.deleted_at_micros};
}

Refusal CannotDelete(const std::string& problem, const char* outcome) {
  return {.code = "journal_unavailable",
          .detail = "the journal cannot write now: " + problem,
          .members = {{"outcome", std::string("\"") + outcome + "\""}}};
}

}  // namespace

void EventLogger::DeleteJob(std::string job_id, std::string actor, DeleteDone done) {
  Refusal refusal;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      refusal = {.code = "shutting_down", .detail = "the daemon is shutting down"};
    } else if (!status_.writable) {
      refusal = CannotDelete(status_.problem, "not_applied");
    } else {
      deletions_.push_back({std::move(job_id), std::move(actor), std::move(done)});
      wake_.notify_one();
      return;
    }
  }
  done(tl::unexpected(std::move(refusal)));
}

bool EventLogger::IsDeleted(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  return deleted_.contains(job_id);
}

Status EventLogger::LearnDeleted() {
  std::unordered_set<std::string> deleted;
  try {
    for (const Tombstone& tombstone : table_->AllTombstones()) deleted.insert(tombstone.job_id);
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  const std::lock_guard lock(mutex_);
  deleted_ = std::move(deleted);
  return {};
}

bool EventLogger::HasUpkeep() const {
  const std::lock_guard lock(mutex_);
  return !deletions_.empty() || (table_ != nullptr && remover_.HasWork());
}

void EventLogger::DoUpkeep() {
  std::vector<Deletion> deletions;
  {
    const std::lock_guard lock(mutex_);
    deletions.swap(deletions_);
  }
  for (Deletion& deletion : deletions) BeginDeletion(std::move(deletion));
  if (table_ == nullptr || !remover_.HasWork()) return;
  if (const Status done = remover_.Step(*table_); !done) CloseAfterFailure(done.error().message);
}

void EventLogger::BeginDeletion(Deletion deletion) {
  if (table_ == nullptr) {
    return deletion.done(tl::unexpected(CannotDelete(GetStatus().problem, "not_applied")));
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
    deletion.done(tl::unexpected(CannotDelete(problem.what(), "not_applied")));
    return CloseAfterFailure(problem.what());
  }
  const auto done = std::make_shared<DeleteDone>(std::move(deletion.done));
  const Status begun = remover_.Begin(*table_, tombstone, [this, done](const Tombstone* gone) {
    if (gone == nullptr) {
      return (*done)(tl::unexpected(CannotDelete(GetStatus().problem, "unknown")));
    }
    FinishDeletion(*gone);
    (*done)(ReportOf(*gone));
  });
  if (!begun) {
    CloseAfterFailure(begun.error().message);
    return (*done)(tl::unexpected(CannotDelete(begun.error().message, "unknown")));
  }
  cache_.Forget(tombstone.job_id);
  job_files_.Forget(tombstone.job_id);
  const std::lock_guard lock(mutex_);
  deleted_.insert(tombstone.job_id);
}

void EventLogger::FinishDeletion(const Tombstone& tombstone) {
  spdlog::info("[journal] job {} was deleted: {} events, seq {} to {}", tombstone.job_id,
               tombstone.event_count, tombstone.first_seq, tombstone.last_seq);
  for (CommitListener* listener : listeners_) listener->OnJobDeleted(tombstone.job_id);
}

}  // namespace stagelog
