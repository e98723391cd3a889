// The way of a group of requests through the journal: staged, committed, appended to the files,
// announced, answered. See event_logger.h for what a failure at each step means.
#include <memory>
#include <utility>

#include "base/logging.h"
#include "core/append_refusal.h"
#include "log/compressed_file.h"
#include "log/console_mirror.h"
#include "log/event_logger.h"
#include "log/set_aside.h"

namespace stagelog {
namespace {

// Staged while the group before is committed: a bound on what a failure of that one refuses.
constexpr size_t kMaxEventsAhead = 16'384;
// Groups that follow one another without a look at what else there is to do.
constexpr int kMaxGroupsOfTurn = 64;

}  // namespace

// The requests of one commit. While it is written on the commit thread, nobody else touches it.
struct EventLogger::Group {
  Group(EventTable& table, JobCache& cache, Sequencer& sequencer, Clock& clock,
        BatchStager::PrepareFile prepare_file)
      : stager(table, cache, sequencer, clock, std::move(prepare_file)) {}

  BatchStager stager;
  std::vector<Answer> answers;
  size_t bytes = 0;  // of the drafts, about
  int64_t started_micros = 0;
  WriteFailure failure = WriteFailure::kNone;
  std::string problem;  // says more when something failed
  bool is_committed = false;
  bool is_published = false;  // and answered

  bool IsWell() const { return failure == WriteFailure::kNone; }
  bool HasEvents() { return !stager.events().empty(); }
  void Fail(WriteFailure at, std::string why) {
    failure = at;
    problem = std::move(why);
  }
};

std::unique_ptr<EventLogger::Group> EventLogger::NewGroup() {
  return std::make_unique<Group>(
      *parts_.table, parts_.cache, parts_.sequencer, parts_.clock,
      [this](const std::string& job_id, const JobState* job) { PrepareFile(job_id, job); });
}

void EventLogger::PrepareFile(const std::string& job_id, const JobState* job) {
  std::vector<std::string> set_aside;
  parts_.job_files.Prepare(job_id, job, *parts_.table, set_aside);
  for (const std::string& name : set_aside) {
    spdlog::warn("[journal] moved aside to make room for new job {}: {}", job_id, name);
    parts_.health.AddSetAside(name);
  }
}

// A large group is committed on a thread of its own, and meanwhile the one before is published and
// the next one staged. A small one is done sooner than a thread is woken.
void EventLogger::Process(std::vector<Request> requests) {
  parts_.cache.Trim();
  parts_.clock_lag.Compare(parts_.sequencer.last_ts_micros);
  std::unique_ptr<Group> committed;  // the one before, which is still to be published
  std::unique_ptr<Group> group = NewGroup();
  StageAll(std::move(requests), *group);
  for (int groups = 1;; ++groups) {
    BeginCommit(*group);
    const bool is_last = group->failure != WriteFailure::kNone || groups == kMaxGroupsOfTurn ||
                         group->bytes < parts_.options.overlap_bytes || upkeep_.HasMaintenance() ||
                         parts_.job_tables.IsUrgent();
    if (is_last) {
      if (committed != nullptr) Publish(*committed);
      if (committed == nullptr || committed->IsWell()) {
        Commit(*group);
        Publish(*group);
      }
      return Conclude(committed.get(), *group, nullptr, {});
    }
    std::unique_ptr<Group> next = NewGroup();
    std::vector<Request> waiting = CommitBetween(committed.get(), *group, *next);
    if (!group->IsWell() || (committed != nullptr && !committed->IsWell())) {
      return Conclude(committed.get(), *group, next.get(), std::move(waiting));
    }
    StageAll(std::move(waiting), *next);
    if (next->answers.empty()) {
      Publish(*group);
      return Conclude(nullptr, *group, nullptr, {});
    }
    committed = std::move(group);
    group = std::move(next);
  }
}

// Commits `group` on the commit thread, and here does what does not need the table: publishes the
// one before, stages the next one. Without that thread the one follows the other. Returns what was
// taken and not staged.
std::vector<EventLogger::Request> EventLogger::CommitBetween(Group* committed, Group& group,
                                                             Group& next) {
  commit_done_ = false;
  if (commit_thread_ == nullptr) {
    std::vector<Request> waiting = StageAhead(next);
    Commit(group);
    if (committed != nullptr) Publish(*committed);
    return waiting;
  }
  commit_thread_->Start([this, &group] {
    Commit(group);
    commit_done_ = true;
    parts_.queue.Wake();
  });
  if (committed != nullptr) Publish(*committed);
  std::vector<Request> waiting = StageAhead(next);
  commit_thread_->Wait();
  return waiting;
}

// Stages what comes while the commit of the group before is under way and does not need the table.
// Returns what was taken and not staged.
std::vector<EventLogger::Request> EventLogger::StageAhead(Group& next) {
  std::vector<Request> waiting;
  while (true) {
    for (Request& request : parts_.queue.Take(parts_.options.group_requests)) {
      const bool may_stage = waiting.empty() && next.stager.events().size() < kMaxEventsAhead &&
                             next.stager.CanStageAhead(request.drafts, request.precondition);
      if (may_stage) {
        AddAnswer(request, next);
        next.stager.Reserve(request.drafts.size());
        StageOne(request, next, next.answers.back());
        next.answers.back().depends_on_commit = true;  // on the one under way, at least
      } else {
        waiting.push_back(std::move(request));
      }
    }
    const bool goes_on = waiting.empty() && commit_thread_ != nullptr && !commit_done_ &&
                         next.stager.events().size() < kMaxEventsAhead;
    if (!goes_on || !parts_.queue.WaitForRequest()) return waiting;
  }
}

// What is not staged because the database cannot be read rests on the commit, which then does not
// come.
void EventLogger::StageAll(std::vector<Request> requests, Group& group) {
  const size_t first = group.answers.size();
  size_t drafts = 0;
  for (Request& request : requests) {
    drafts += request.drafts.size();
    AddAnswer(request, group);
  }
  group.stager.Reserve(drafts);
  try {
    for (size_t i = 0; i < requests.size(); ++i) {
      StageOne(requests[i], group, group.answers[first + i]);
    }
  } catch (const SQLite::Exception& trouble) {
    if (IsCorruption(trouble)) parts_.corruption_seen = true;
    group.Fail(WriteFailure::kBeforeCommit, trouble.what());
  }
}

void EventLogger::AddAnswer(Request& request, Group& group) {
  group.answers.push_back({std::move(request.done), {}, true, request.pushed_micros});
  group.bytes += request.bytes;
}

void EventLogger::StageOne(Request& request, Group& group, Answer& answer) {
  bool depends_on_commit = false;
  answer.outcome =
      group.stager.Stage(std::move(request.drafts), request.precondition, depends_on_commit);
  answer.depends_on_commit = depends_on_commit;
  if (answer.outcome) CountDuplicates(*answer.outcome);
}

void EventLogger::CountDuplicates(const std::vector<AppendedEvent>& places) {
  for (const AppendedEvent& place : places) {
    if (place.duplicate) parts_.metrics.duplicates_total.Add();
  }
}

// Begins the transaction and does what needs the table and rests on the states of the jobs, which
// the next group changes.
void EventLogger::BeginCommit(Group& group) {
  group.started_micros = parts_.clock.MonotonicMicros();
  if (group.failure != WriteFailure::kNone || !group.HasEvents()) return;
  if (Status ours = parts_.lock.CheckStillHeld(); !ours) {
    return group.Fail(WriteFailure::kBeforeCommit, ours.error().message);
  }
  try {
    parts_.table->Begin();
    if (Status reserved = ReserveSeqs(); !reserved) {
      return group.Fail(WriteFailure::kBeforeCommit, reserved.error().message);
    }
    parts_.health.SetVisible(parts_.sequencer.next_seq - 1);
    for (const auto& [job_id, job] : group.stager.changed_jobs()) {
      parts_.cache.CountChanges(job_id, job.changes);
      if (Status known = parts_.job_files.LoadStamp(job_id, *parts_.table); !known) {
        return group.Fail(WriteFailure::kBeforeCommit, known.error().message);
      }
    }
  } catch (const SQLite::Exception& trouble) {
    if (IsCorruption(trouble)) parts_.corruption_seen = true;
    group.Fail(WriteFailure::kBeforeCommit, trouble.what());
  }
}

// The events are committed: whatever happens here, they are acknowledged.
void EventLogger::Publish(Group& group) {
  if (!group.IsWell()) return;
  if (group.HasEvents()) {
    QueueForTables(group.stager);
    if (Status done = PublishEvents(group.stager); !done) {
      return group.Fail(WriteFailure::kAfterCommit, done.error().message);
    }
  }
  group.is_published = true;
  SendAnswers(group);
}

// The end of a turn. Where a group has failed the journal is closed, and what comes after it is
// refused; nobody is answered before that. A group that was committed after one that could not be
// published is announced, and its lines are written, when the journal is opened again.
void EventLogger::Conclude(Group* committed, Group& group, Group* next,
                           std::vector<Request> waiting) {
  std::string problem;
  for (const Group* each : {committed, &group}) {
    if (problem.empty() && each != nullptr && !each->IsWell()) problem = each->problem;
  }
  if (problem.empty()) return;
  if (group.IsWell()) {
    group.Fail(group.is_committed ? WriteFailure::kAfterCommit : WriteFailure::kBeforeCommit,
               problem);
  }
  if (next != nullptr) next->Fail(WriteFailure::kBeforeCommit, problem);
  const bool is_committed =
      group.failure == WriteFailure::kAfterCommit || (committed != nullptr && !committed->IsWell());
  CloseAfterFailure(problem);
  if (is_committed) ReopenSoon();  // comparing the files mends most of what can be wrong with them
  for (Group* each : {committed, &group, next}) {
    if (each != nullptr && !each->is_published) SendAnswers(*each);
  }
  RefuseAll(std::move(waiting));
}

// On the commit thread, or on the writer's. Needs neither the states nor the queue.
void EventLogger::Commit(Group& group) {
  if (!group.IsWell() || !group.HasEvents()) return;
  WriteFailure stage = WriteFailure::kBeforeCommit;
  try {
    for (const StagedEvent& staged : group.stager.events()) {
      parts_.table->InsertEvent(staged.event.seq, staged.first_seq, staged.event.job_seq,
                                staged.event.ts_micros, staged.event.draft.event_id,
                                staged.line.body);
    }
    stage = WriteFailure::kAtCommit;
    parts_.table->Commit();
  } catch (const SQLite::Exception& trouble) {
    if (IsCorruption(trouble)) parts_.corruption_seen = true;
    return group.Fail(stage, trouble.what());
  }
  group.is_committed = true;
  parts_.metrics.commit_seconds.ObserveMicros(parts_.clock.MonotonicMicros() -
                                              group.started_micros);
  parts_.metrics.batches_total.Add();
  parts_.metrics.events_total.Add(group.stager.events().size());
}

void EventLogger::SendAnswers(Group& group) {
  const bool is_written =
      group.failure == WriteFailure::kNone || group.failure == WriteFailure::kAfterCommit;
  const char* outcome = group.failure == WriteFailure::kAtCommit ? "unknown" : "not_applied";
  const int64_t now = parts_.clock.MonotonicMicros();
  for (Answer& answer : group.answers) {
    if (!is_written && answer.depends_on_commit) {
      answer.outcome = tl::unexpected(JournalUnavailable(group.problem, outcome));
    }
    parts_.metrics.append_seconds.ObserveMicros(now - answer.pushed_micros);
    answer.done(std::move(answer.outcome));
  }
}

void EventLogger::QueueForTables(BatchStager& stager) {
  for (auto& [job_id, job] : stager.changed_jobs()) {
    parts_.job_tables.Add(job_id, job.changes, job.before_job_seq, std::move(job.seqs),
                          parts_.cache);
  }
  parts_.job_tables.Committed(stager.events().back().event.seq);
}

// The bound is on the disk before a seq beyond the old one is given to anybody.
Status EventLogger::ReserveSeqs() {
  if (parts_.sequencer.next_seq - 1 <= parts_.identity.highest_seq) return {};
  JournalIdentity identity = parts_.identity;
  identity.highest_seq = parts_.sequencer.next_seq - 1 + kSeqReserve;
  if (Status written = WriteJournalIdentity(parts_.files, parts_.options.runs_dir, identity);
      !written) {
    return written;
  }
  parts_.table->SetHighestSeq(identity.highest_seq);
  parts_.identity = std::move(identity);
  return {};
}

Status EventLogger::PublishEvents(BatchStager& stager) {
  Status appended = AppendToFiles(stager);
  auto batch = std::make_shared<CommittedBatch>();
  batch->events.reserve(stager.events().size());
  for (StagedEvent& staged : stager.events()) {
    MirrorToConsole(staged.event.draft.level, staged.line.body);
    batch->events.push_back({staged.event.seq, staged.event.draft.kind,
                             std::move(staged.event.draft.job_id), std::move(staged.line.body),
                             staged.job_over});
  }
  parts_.announcer.Announce(batch);
  return appended;
}

// A file that fails concerns its own job. That it lacks lines is on the disk before anybody is
// answered.
Status EventLogger::AppendToFiles(BatchStager& stager) {
  for (const auto& [job_id, job] : stager.changed_jobs()) {
    parts_.job_files.Append(job_id, job.lines, job.before_job_seq + 1);
  }
  return parts_.job_files.NeedsNote() ? notes_.Note() : Status();
}

}  // namespace stagelog
