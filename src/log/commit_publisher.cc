#include "log/commit_publisher.h"

#include <memory>
#include <utility>

#include "core/commit_listener.h"
#include "log/console_mirror.h"

namespace stagelog {

Status CommitPublisher::Publish(BatchStager& staged) {
  QueueForTables(staged);
  Status appended = AppendToFiles(staged);
  Announce(staged);
  return appended;
}

void CommitPublisher::QueueForTables(BatchStager& staged) {
  for (auto& [job_id, job] : staged.changed_jobs()) {
    parts_.job_tables.Add(job_id, job.changes, job.before_job_seq, std::move(job.seqs),
                          parts_.cache);
  }
  parts_.job_tables.Committed(staged.events().back().event.seq);
}

// A file that fails concerns its own job. That it lacks lines is on the disk before anybody is
// answered.
Status CommitPublisher::AppendToFiles(BatchStager& staged) {
  for (const auto& [job_id, job] : staged.changed_jobs()) {
    parts_.job_files.Append(job_id, job.lines, job.before_job_seq + 1);
  }
  return parts_.job_files.NeedsNote() ? notes_.Note() : Status();
}

void CommitPublisher::Announce(BatchStager& staged) {
  auto batch = std::make_shared<CommittedBatch>();
  batch->events.reserve(staged.events().size());
  for (StagedEvent& event : staged.events()) {
    MirrorToConsole(event.event.draft.level, event.line.body);
    batch->events.push_back({event.event.seq, event.event.draft.kind,
                             std::move(event.event.draft.job_id), std::move(event.line.body),
                             event.job_over});
  }
  parts_.announcer.Announce(batch);
}

}  // namespace stagelog
