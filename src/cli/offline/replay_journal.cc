#include "cli/offline/replay_journal.h"

#include <utility>

#include "base/mutex.h"
#include "base/random.h"
#include "core/event_codec.h"
#include "core/job_machine.h"

namespace stagelog::cli {
namespace {

CliError DiskTrouble(const std::string& folder, const SQLite::Exception& problem) {
  return {ExitCode::kProblem, folder + ": " + problem.what() +
                                  " (the replayed events are kept there; TMPDIR names another "
                                  "place)"};
}

Refusal ReadOnly() {
  return {.code = "read_only",
          .detail = "this is a replay of an old run: it accepts no events, commands or decisions"};
}

}  // namespace

CliResult<std::unique_ptr<ReplayJournal>> ReplayJournal::Create(Clock& clock) {
  auto folder = TemporaryFolder::Create();
  if (!folder) return tl::unexpected(folder.error());
  const std::string path = (*folder)->path();
  try {
    return std::unique_ptr<ReplayJournal>(new ReplayJournal(std::move(*folder), clock));
  } catch (const SQLite::Exception& problem) {
    return tl::unexpected(DiskTrouble(path, problem));
  }
}

ReplayJournal::ReplayJournal(std::unique_ptr<TemporaryFolder> folder, Clock& clock)
    : folder_(std::move(folder)) {
  const std::string path = folder_->path() + "/stagelog.db";
  table_ = std::make_unique<EventTable>(path, "", /*durable=*/false);
  reader_ = std::make_unique<EventReader>(path, "", clock, [] {});
  status_.journal_id = MakeUuidV7(clock.WallMicros());
}

CliResult<CommittedBatchPointer> ReplayJournal::Put(const std::vector<StoredEvent>& events) {
  auto batch = std::make_shared<CommittedBatch>();
  try {
    Write(events, *batch);
  } catch (const SQLite::Exception& problem) {
    table_->Rollback();
    return tl::unexpected(DiskTrouble(folder_->path(), problem));
  }
  const MutexLock lock(mutex_);
  status_.head_seq = state_.as_of_seq;
  return CommittedBatchPointer(std::move(batch));
}

void ReplayJournal::Write(const std::vector<StoredEvent>& events, CommittedBatch& batch) {
  StateChanges changes;
  table_->Begin();
  for (const auto& [event, body] : events) {
    const bool is_first = state_.job_seq == 0;
    const int64_t job_seq = state_.job_seq;
    Apply(state_, event, StoredHash(body), &changes);
    if (is_first) table_->WriteState(state_, {}, 0);  // the job's row comes before its events
    table_->WriteSnapshotWhenDue(state_, job_seq);
    table_->ListEvents(state_.first_seq, {event.seq});
    table_->InsertEvent(event.seq, state_.first_seq, event.job_seq, event.ts_micros,
                        event.draft.event_id, body);
    batch.events.push_back({event.seq, event.draft.kind, event.draft.job_id, body,
                            state_.IsTerminal() && event.seq >= last_seq_});
  }
  table_->WriteState(state_, changes, state_.job_seq);
  table_->SetTablesThrough(state_.as_of_seq);
  table_->Commit();
}

Result<Page> ReplayJournal::Read(const ReadRequest& request) {
  Result<Page> page = reader_->Read(request);
  if (page && page->head_seq < last_seq_) page->job_over = false;
  return page;
}

void ReplayJournal::Append(std::vector<EventDraft> drafts, std::optional<Precondition> precondition,
                           AppendDone done) {
  static_cast<void>(drafts);
  static_cast<void>(precondition);
  done(tl::unexpected(ReadOnly()));
}

void ReplayJournal::RunRetention(bool dry_run, RetentionDone done) {
  static_cast<void>(dry_run);
  done(tl::unexpected(ReadOnly()));
}

void ReplayJournal::Backup(std::string name, BackupDone done) {
  static_cast<void>(name);
  done(tl::unexpected(ReadOnly()));
}

void ReplayJournal::DeleteJob(std::string job_id, std::string actor, DeleteDone done) {
  static_cast<void>(job_id);
  static_cast<void>(actor);
  done(tl::unexpected(ReadOnly()));
}

JournalStatus ReplayJournal::GetStatus() const {
  const MutexLock lock(mutex_);
  return status_;
}

}  // namespace stagelog::cli
