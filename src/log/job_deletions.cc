#include "log/job_deletions.h"

#include <utility>

#include "base/logging.h"
#include "core/append_refusal.h"
#include "core/gate_rules.h"

namespace stagelog {
namespace {

constexpr int64_t kFolderRetryMicros = 60'000'000;

DeletedJobReport ReportOf(const Tombstone& tombstone) {
  return {.seq = tombstone.seq,
          .job_id = tombstone.job_id,
          .event_count = tombstone.event_count,
          .first_seq = tombstone.first_seq,
          .last_seq = tombstone.last_seq,
          .deleted_at_micros = tombstone.deleted_at_micros};
}

}  // namespace

JobDeletions::JobDeletions(FileSystem& files, std::string runs_dir, Clock& clock,
                           MetricsRegistry& metrics, const JournalHealth& health,
                           CommitAnnouncer& announcer)
    : clock_(clock),
      jobs_deleted_total_(
          metrics.GetCounter("stagelog_deleted_jobs_total", "Jobs permanently deleted.")),
      health_(health),
      announcer_(announcer),
      remover_(files, std::move(runs_dir)) {}

std::optional<Refusal> JobDeletions::Add(Request& request) {
  const MutexLock lock(mutex_);
  if (auto refusal = health_.GetRefusal()) return refusal;
  requests_.push_back(std::move(request));
  return std::nullopt;
}

bool JobDeletions::IsDeleted(const std::string& job_id) const {
  const MutexLock lock(mutex_);
  return deleted_.contains(job_id);
}

Status JobDeletions::Load(EventTable& table) {
  std::unordered_set<std::string> deleted;
  missed_.clear();
  left_.clear();
  retry_at_micros_ = clock_.MonotonicMicros() + kFolderRetryMicros;
  try {
    for (const Tombstone& tombstone : table.AllTombstones()) {
      deleted.insert(tombstone.job_id);
      if (!IsDeleted(tombstone.job_id)) missed_.push_back(tombstone);
      if (tombstone.is_pending) left_.push_back(tombstone);
    }
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  const MutexLock lock(mutex_);
  deleted_ = std::move(deleted);
  return {};
}

void JobDeletions::AnnounceMissed() {
  for (const Tombstone& tombstone : std::exchange(missed_, {})) Announce(tombstone);
}

bool JobDeletions::HasRequests() const {
  const MutexLock lock(mutex_);
  return !requests_.empty();
}

bool JobDeletions::HasWork() const {
  return remover_.HasWork() || HasRequests() || clock_.MonotonicMicros() >= NextDueMicros();
}

Status JobDeletions::Step(WriterAccess& access) {
  if (HasRequests()) return Begin(access, TakeRequest());
  if (clock_.MonotonicMicros() >= NextDueMicros()) {
    for (Tombstone& tombstone : std::exchange(left_, {})) {
      remover_.Resume(std::move(tombstone));
      waiting_.emplace_back([](const auto&) {});
    }
  }
  return RemoveSome(access.table());
}

JobDeletions::Request JobDeletions::TakeRequest() {
  const MutexLock lock(mutex_);
  Request request = std::move(requests_.front());
  requests_.pop_front();
  return request;
}

Status JobDeletions::Begin(WriterAccess& access, Request request) {
  Tombstone tombstone;
  try {
    const JobState* job = access.FindJob(request.job_id);
    if (job == nullptr) {
      const bool is_deleted = access.table().IsDeleted(request.job_id);
      request.done(
          tl::unexpected(is_deleted ? DeletedJob(request.job_id) : UnknownJob(request.job_id)));
      return {};
    }
    tombstone = {.job_id = job->job_id,
                 .first_seq = job->first_seq,
                 .last_seq = job->as_of_seq,
                 .last_ts_micros = job->updated_at_micros,
                 .event_count = job->job_seq,
                 .deleted_at_micros = clock_.WallMicros(),
                 .actor = std::move(request.actor)};
  } catch (const SQLite::Exception& problem) {
    request.done(tl::unexpected(JournalUnavailable(problem.what(), "not_applied")));
    throw;
  }
  if (const Status possible = remover_.Check(); !possible) {
    LogWarning("[journal] cannot delete job {}: {}", request.job_id, possible.error().message);
    request.done(tl::unexpected(JournalUnavailable(possible.error().message, "not_applied")));
    return {};
  }
  waiting_.push_back(std::move(request.done));  // if this fails, Abandon() answers
  const Result<int64_t> seq = access.AssignSeq();
  if (!seq) return tl::unexpected(seq.error());
  tombstone.seq = *seq;
  if (Status begun = remover_.Begin(access.table(), tombstone); !begun) return begun;
  access.PassOver(tombstone.seq);
  access.ForgetJob(tombstone.job_id);
  access.ForgetFile(tombstone.job_id);
  {
    const MutexLock lock(mutex_);
    deleted_.insert(tombstone.job_id);
  }
  Announce(tombstone);
  return {};
}

Status JobDeletions::RemoveSome(EventTable& table) {
  const Result<std::optional<JobRemover::Removed>> step = remover_.Step(table);
  if (!step) return tl::unexpected(step.error());
  if (!step->has_value()) return {};
  const auto& [tombstone, folder_problem] = **step;
  const DeleteDone done = std::move(waiting_.front());
  waiting_.pop_front();
  if (folder_problem.empty()) {
    done(ReportOf(tombstone));
    return {};
  }
  LogWarning("[journal] cannot remove the folder of deleted job {}: {}; trying again later",
             tombstone.job_id, folder_problem);
  left_.push_back(tombstone);
  retry_at_micros_ = clock_.MonotonicMicros() + kFolderRetryMicros;
  done(tl::unexpected(
      JournalUnavailable("job " + tombstone.job_id +
                             " is deleted, but its folder cannot be removed yet: " + folder_problem,
                         "unknown")));
  return {};
}

void JobDeletions::Announce(const Tombstone& tombstone) {
  LogInfo("[journal] deleted job {}: {} events, seq {} to {}", tombstone.job_id,
          tombstone.event_count, tombstone.first_seq, tombstone.last_seq);
  jobs_deleted_total_.Add();
  announcer_.AnnounceDeletion(tombstone.job_id, tombstone.seq);
}

void JobDeletions::Abandon(const std::string& problem) {
  remover_.Abandon();
  for (const DeleteDone& done : std::exchange(waiting_, {})) {
    done(tl::unexpected(JournalUnavailable(problem, "unknown")));
  }
  RefuseRequests(problem);
}

void JobDeletions::RefuseRequests(const std::string& problem) {
  std::deque<Request> requests;
  {
    const MutexLock lock(mutex_);
    requests.swap(requests_);
  }
  for (const Request& request : requests) {
    request.done(tl::unexpected(JournalUnavailable(problem, "not_applied")));
  }
}

}  // namespace stagelog
