#include "log/append_group.h"

#include <utility>

#include "base/logging.h"
#include "core/append_refusal.h"

namespace stagelog {

AppendGroup::AppendGroup(WriterParts& parts)
    : parts_(parts),
      stager_(
          *parts.table, parts.cache, parts.sequencer, parts.clock,
          [this](const std::string& job_id, const JobState* job) { PrepareFile(job_id, job); }) {}

void AppendGroup::PrepareFile(const std::string& job_id, const JobState* job) {
  std::vector<std::string> set_aside;
  parts_.job_files.Prepare(job_id, job, *parts_.table, set_aside);
  for (const std::string& name : set_aside) {
    LogWarning("[journal] moved aside to make room for new job {}: {}", job_id, name);
    parts_.health.AddSetAside(name);
  }
}

void AppendGroup::StageAll(std::vector<AppendRequest> requests) {
  const size_t first = answers_.size();
  size_t drafts = 0;
  for (AppendRequest& request : requests) {
    drafts += request.drafts.size();
    AddAnswer(request);
  }
  stager_.Reserve(drafts);
  try {
    for (size_t i = 0; i < requests.size(); ++i) StageOne(requests[i], answers_[first + i]);
  } catch (const SQLite::Exception& trouble) {
    if (IsCorruption(trouble)) parts_.corruption_seen = true;
    Fail(WriteFailure::kBeforeCommit, trouble.what());
  }
}

bool AppendGroup::StageAhead(AppendRequest& request) {
  if (IsFullAhead() || !stager_.CanStageAhead(request.drafts, request.precondition)) return false;
  AddAnswer(request);
  stager_.Reserve(request.drafts.size());
  StageOne(request, answers_.back());
  answers_.back().depends_on_commit = true;  // on the one under way, at least
  return true;
}

void AppendGroup::AddAnswer(AppendRequest& request) {
  answers_.push_back({std::move(request.done), {}, true, request.pushed_micros});
  bytes_ += request.bytes;
}

void AppendGroup::StageOne(AppendRequest& request, Answer& answer) {
  bool depends_on_commit = false;
  answer.outcome =
      stager_.Stage(std::move(request.drafts), request.precondition, depends_on_commit);
  answer.depends_on_commit = depends_on_commit;
  if (answer.outcome) CountDuplicates(*answer.outcome);
}

void AppendGroup::CountDuplicates(const std::vector<AppendedEvent>& places) {
  for (const AppendedEvent& place : places) {
    if (place.duplicate) parts_.metrics.duplicates_total.Add();
  }
}

void AppendGroup::Fail(WriteFailure at, std::string problem) {
  failure_ = at;
  problem_ = std::move(problem);
}

void AppendGroup::SendAnswers() {
  const bool is_written = failure_ == WriteFailure::kNone || failure_ == WriteFailure::kAfterCommit;
  const char* outcome = failure_ == WriteFailure::kAtCommit ? "unknown" : "not_applied";
  const int64_t now = parts_.clock.MonotonicMicros();
  for (Answer& answer : std::exchange(answers_, {})) {
    if (!is_written && answer.depends_on_commit) {
      answer.outcome = tl::unexpected(JournalUnavailable(problem_, outcome));
    }
    parts_.metrics.append_seconds.ObserveMicros(now - answer.pushed_micros);
    answer.done(std::move(answer.outcome));
  }
}

}  // namespace stagelog
