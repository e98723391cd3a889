#include "log/journal_writer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/append_refusal.h"

namespace stagelog {

void JournalWriter::StartThreads() {
  group_commit_.StartThread();
  parts_.job_files.StartThread();
}

bool JournalWriter::TakeTurn() {
  const bool goes_on = DoNext();
  notes_.Update();
  return goes_on;
}

bool JournalWriter::DoNext() {
  if (is_over_) return false;
  std::vector<AppendRequest> group = TakeGroup();
  if (parts_.IsOpen() && parts_.corruption_seen) {
    lifecycle_.CloseAfterFailure("the database is damaged");
  }
  lifecycle_.ReopenIfDue();
  if (!group.empty()) {
    WriteOrRefuse(std::move(group));
    CloseIfFailed(upkeep_.Step());
    return true;
  }
  const bool is_stopped =
      parts_.queue.IsStoppedAndEmpty();  // before: all later requests are refused
  if (upkeep_.IsDue()) {
    CloseIfFailed(upkeep_.Step());
    return true;
  }
  if (is_stopped) {
    is_over_ = true;
    CloseIfFailed(clean_closing_.Close());
    return false;
  }
  if (parts_.IsOpen()) CloseIfFailed(idle_files_.SyncIdle());
  return true;
}

void JournalWriter::WriteOrRefuse(std::vector<AppendRequest> requests) {
  if (!parts_.IsOpen() || CloseIfFailed(tables_.LimitLag())) return RefuseAll(std::move(requests));
  Write(std::move(requests));
}

// Where a group has failed, nobody is answered before the journal is closed.
void JournalWriter::Write(std::vector<AppendRequest> requests) {
  std::optional<FailedCommit> failed = group_commit_.Write(std::move(requests));
  if (!failed) return;
  lifecycle_.CloseAfterFailure(failed->problem);
  // Comparing the files repairs most of what can be wrong with them.
  if (failed->is_committed) lifecycle_.ReopenSoon();
  for (const std::unique_ptr<AppendGroup>& group : failed->groups) group->SendAnswers();
  RefuseAll(std::move(failed->waiting));
}

bool JournalWriter::IsReadyToWrite() const {
  return parts_.IsOpen() && !parts_.corruption_seen && !parts_.job_tables.IsTooFarBehind();
}

void JournalWriter::WriteNextGroup() {
  std::vector<AppendRequest> group = TakeGroup();
  if (!group.empty()) Write(std::move(group));
}

int64_t JournalWriter::NextTurnMicros() const {
  if (!parts_.IsOpen()) return lifecycle_.retry_at_micros();
  return std::min(upkeep_.NextDueMicros(), idle_files_.NextDueMicros());
}

void JournalWriter::RefuseAll(std::vector<AppendRequest> requests) {
  const std::string problem = parts_.health.Get().problem;
  for (AppendRequest& request : requests) {
    request.done(tl::unexpected(JournalUnavailable(problem, "not_applied")));
  }
}

bool JournalWriter::CloseIfFailed(const Status& done) {
  if (!done) lifecycle_.CloseAfterFailure(done.error().message);
  return !done;
}

}  // namespace stagelog
