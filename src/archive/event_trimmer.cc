#include "archive/event_trimmer.h"

#include <utility>

#include "log/file/job_files.h"
#include "log/file/stored_file.h"

namespace stagelog {
namespace {

constexpr int kEventsAtOnce = 200;

}  // namespace

void EventTrimmer::Begin(TrimPlan plan) {
  plan_ = std::move(plan);
  is_synced_ = false;
}

void EventTrimmer::Abandon() {
  plan_.reset();
  lines_.Close();
}

Result<int64_t> EventTrimmer::Step(EventTable& table) {
  if (table.IsDeleted(plan_->job_id)) {  // meanwhile
    Abandon();
    return 0;
  }
  if (!std::exchange(is_synced_, true)) {
    if (Status synced = SyncFile(); !synced) return tl::unexpected(synced.error());
    table.SnapshotBeyond(plan_->job_id, plan_->first_seq, plan_->through_job_seq);
    return 0;
  }
  std::vector<TrimmedEvent> events =
      table.OldestEvents(plan_->first_seq, plan_->through_job_seq, kEventsAtOnce);
  const uint64_t offset = table.EndOfFileEvents(plan_->first_seq);
  if (Status same = CompareWithFile(table, events, offset); !same) {
    return tl::unexpected(same.error());
  }
  table.Begin();
  for (const TrimmedEvent& event : events) table.MoveToFile(plan_->first_seq, event);
  table.Commit();
  const auto count = static_cast<int64_t>(events.size());
  if (count < kEventsAtOnce) Abandon();
  return count;
}

// Through a descriptor of its own: what matters is the file, whoever has written it.
Status EventTrimmer::SyncFile() {
  const std::string path = JobFilePath(runs_dir_, plan_->job_id);
  const auto stored = FindStoredFile(files_, path);
  if (!stored) return tl::unexpected(stored.error());
  Result<std::unique_ptr<AppendFile>> file =
      files_.OpenAppend(stored->has_value() ? (*stored)->path : path);
  if (!file) return tl::unexpected(file.error());
  if (Status synced = (*file)->Sync(); !synced) return synced;
  if (Status synced = files_.SyncDirectory(JobDirectory(runs_dir_, plan_->job_id)); !synced) {
    return synced;
  }
  return files_.SyncDirectory(runs_dir_);
}

// Gives each event its place in the file, from `offset` on.
Status EventTrimmer::CompareWithFile(EventTable& table, std::vector<TrimmedEvent>& events,
                                     uint64_t offset) {
  for (TrimmedEvent& event : events) {
    const auto bytes = lines_.ReadBytes(plan_->job_id, offset, event.body.size() + 1);
    if (!bytes) {
      if (bytes.error().error_number == kDamagedFile) table.ForgetFileStamp(plan_->first_seq);
      return tl::unexpected(bytes.error());
    }
    const bool is_same = bytes->size() == event.body.size() + 1 && bytes->starts_with(event.body) &&
                         bytes->back() == '\n';
    if (!is_same) {
      table.ForgetFileStamp(plan_->first_seq);
      return Failure("events.jsonl of " + plan_->job_id + " was changed by another program");
    }
    event.place = {static_cast<int64_t>(offset), static_cast<int64_t>(event.body.size()),
                   DigestOf(event.body)};
    offset += event.body.size() + 1;
  }
  return {};
}

}  // namespace stagelog
