#include "log/group_commit.h"

#include <utility>

namespace stagelog {
namespace {

// Groups that follow one another without a look at what else there is to do.
constexpr int kMaxGroupsOfTurn = 64;

}  // namespace

std::optional<FailedCommit> GroupCommit::Write(std::vector<AppendRequest> requests) {
  parts_.cache.Trim();
  parts_.clock_lag.Compare(parts_.sequencer.last_ts_micros);
  Group committed;  // the one before, which is still to be published
  Group group = std::make_unique<AppendGroup>(parts_);
  group->StageAll(std::move(requests));
  for (int groups = 1;; ++groups) {
    Begin(*group);
    const bool is_last = !group->IsWell() || groups == kMaxGroupsOfTurn ||
                         group->bytes() < parts_.options.overlap_bytes ||
                         upkeep_.HasMaintenance() || parts_.job_tables.IsUrgent();
    if (is_last) {
      if (committed != nullptr) Publish(*committed);
      if (committed == nullptr || committed->IsWell()) {
        Commit(*group);
        Publish(*group);
      }
      return Conclude(std::move(committed), std::move(group), nullptr, {});
    }
    Group next = std::make_unique<AppendGroup>(parts_);
    std::vector<AppendRequest> waiting = CommitBetween(committed.get(), *group, *next);
    if (!group->IsWell() || (committed != nullptr && !committed->IsWell())) {
      return Conclude(std::move(committed), std::move(group), std::move(next), std::move(waiting));
    }
    next->StageAll(std::move(waiting));
    if (next->IsEmpty()) {
      Publish(*group);
      return Conclude(nullptr, std::move(group), nullptr, {});
    }
    committed = std::move(group);
    group = std::move(next);
  }
}

// Commits `group` on the commit thread, and here does what does not need the table: publishes the
// one before, stages the next one. Without that thread the one follows the other. Returns what was
// taken and not staged.
std::vector<AppendRequest> GroupCommit::CommitBetween(AppendGroup* committed, AppendGroup& group,
                                                      AppendGroup& next) {
  commit_done_ = false;
  if (thread_ == nullptr) {
    std::vector<AppendRequest> waiting = StageAhead(next);
    Commit(group);
    if (committed != nullptr) Publish(*committed);
    return waiting;
  }
  thread_->Start([this, &group] {
    Commit(group);
    commit_done_ = true;
    parts_.queue.Wake();
  });
  if (committed != nullptr) Publish(*committed);
  std::vector<AppendRequest> waiting = StageAhead(next);
  thread_->Wait();
  return waiting;
}

// Stages what comes while the commit of the group before is under way and does not need the table.
// Returns what was taken and not staged.
std::vector<AppendRequest> GroupCommit::StageAhead(AppendGroup& next) {
  std::vector<AppendRequest> waiting;
  while (true) {
    for (AppendRequest& request : parts_.queue.Take(parts_.options.group_requests)) {
      const bool is_staged = waiting.empty() && next.StageAhead(request);
      if (!is_staged) waiting.push_back(std::move(request));
    }
    const bool goes_on =
        waiting.empty() && thread_ != nullptr && !commit_done_ && !next.IsFullAhead();
    if (!goes_on || !parts_.queue.WaitForRequest()) return waiting;
  }
}

// Begins the transaction and does what needs the table and rests on the states of the jobs, which
// the next group changes.
void GroupCommit::Begin(AppendGroup& group) {
  started_micros_ = parts_.clock.MonotonicMicros();
  if (!group.IsWell() || !group.HasEvents()) return;
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) {
    return group.Fail(AppendGroup::WriteFailure::kBeforeCommit, ours.error().message);
  }
  try {
    parts_.table->Begin();
    if (Status reserved = parts_.ReserveSeqs(); !reserved) {
      return group.Fail(AppendGroup::WriteFailure::kBeforeCommit, reserved.error().message);
    }
    parts_.health.SetVisible(parts_.sequencer.next_seq - 1);
    for (const auto& [job_id, job] : group.stager().changed_jobs()) {
      parts_.cache.CountChanges(job_id, job.changes);
      if (Status known = parts_.job_files.LoadStamp(job_id, *parts_.table); !known) {
        return group.Fail(AppendGroup::WriteFailure::kBeforeCommit, known.error().message);
      }
    }
  } catch (const SQLite::Exception& trouble) {
    if (IsCorruption(trouble)) parts_.corruption_seen = true;
    group.Fail(AppendGroup::WriteFailure::kBeforeCommit, trouble.what());
  }
}

// On the commit thread, or on the writer's. Needs neither the states nor the queue.
void GroupCommit::Commit(AppendGroup& group) {
  if (!group.IsWell() || !group.HasEvents()) return;
  auto stage = AppendGroup::WriteFailure::kBeforeCommit;
  try {
    for (const StagedEvent& staged : group.stager().events()) {
      parts_.table->InsertEvent(staged.event.seq, staged.first_seq, staged.event.job_seq,
                                staged.event.ts_micros, staged.event.draft.event_id,
                                staged.line.body);
    }
    stage = AppendGroup::WriteFailure::kAtCommit;
    parts_.table->Commit();
  } catch (const SQLite::Exception& trouble) {
    if (IsCorruption(trouble)) parts_.corruption_seen = true;
    return group.Fail(stage, trouble.what());
  }
  group.SetCommitted();
  parts_.metrics.commit_seconds.ObserveMicros(parts_.clock.MonotonicMicros() - started_micros_);
  parts_.metrics.batches_total.Add();
  parts_.metrics.events_total.Add(group.stager().events().size());
}

// The events are committed: whatever happens here, they are acknowledged.
void GroupCommit::Publish(AppendGroup& group) {
  if (!group.IsWell()) return;
  if (group.HasEvents()) {
    if (Status done = publisher_.Publish(group.stager()); !done) {
      return group.Fail(AppendGroup::WriteFailure::kAfterCommit, done.error().message);
    }
  }
  group.SendAnswers();
}

// The end of a turn. Where a group has failed, so has what comes after it. A group that was
// committed after one that could not be published is announced, and its lines are written, when the
// journal is opened again.
std::optional<FailedCommit> GroupCommit::Conclude(Group committed, Group group, Group next,
                                                  std::vector<AppendRequest> waiting) {
  using WriteFailure = AppendGroup::WriteFailure;
  const bool is_published = committed == nullptr || committed->IsWell();
  if (is_published && group->IsWell()) return std::nullopt;
  FailedCommit failed;
  failed.problem = is_published ? group->problem() : committed->problem();
  if (group->IsWell()) {
    group->Fail(group->is_committed() ? WriteFailure::kAfterCommit : WriteFailure::kBeforeCommit,
                failed.problem);
  }
  if (next != nullptr) next->Fail(WriteFailure::kBeforeCommit, failed.problem);
  failed.is_committed = group->failure() == WriteFailure::kAfterCommit || !is_published;
  for (Group* each : {&committed, &group, &next}) {
    if (*each != nullptr) failed.groups.push_back(std::move(*each));
  }
  failed.waiting = std::move(waiting);
  return failed;
}

}  // namespace stagelog
