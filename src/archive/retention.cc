#include "archive/retention.h"

#include <algorithm>

#include "log/file/job_files.h"

namespace stagelog {
namespace {

constexpr int64_t kMicrosPerHour = int64_t{3'600} * 1'000'000;
constexpr int64_t kMicrosPerDay = 24 * kMicrosPerHour;
constexpr size_t kJobsAtOnce = 50;

}  // namespace

void Retention::BeginPass(EventTable& table, int64_t now_micros) {
  is_running_ = true;
  now_micros_ = now_micros;
  after_first_seq_ = 0;
  old_through_seq_ = options_.events_days == 0
                         ? 0
                         : table.LastSeqBefore(now_micros - options_.events_days * kMicrosPerDay);
}

std::vector<RetentionAction> Retention::Look(EventTable& table) {
  std::vector<RetentionAction> actions;
  const std::vector<JobAge> jobs = table.JobsAfter(after_first_seq_, kJobsAtOnce);
  for (const JobAge& job : jobs) {
    after_first_seq_ = job.first_seq;
    Judge(table, job, actions);
  }
  is_running_ = jobs.size() == kJobsAtOnce;
  return actions;
}

void Retention::Judge(EventTable& table, const JobAge& job,
                      std::vector<RetentionAction>& actions) const {
  const int64_t over_for = job.is_over ? now_micros_ - job.quiet_since_micros : -1;
  const auto is_older = [over_for](int64_t days) {
    return days > 0 && over_for > days * kMicrosPerDay;
  };
  if (is_older(options_.runs_days)) {
    return actions.push_back({.delete_job = job.job_id, .event_count = job.job_seq});
  }
  // First what is quicker with a plain file.
  if (auto events = JudgeEvents(table, job, over_for)) actions.push_back(std::move(*events));
  if (is_older(options_.compress_days) && HasPlainFile(job.job_id)) {
    actions.push_back({.compress_job = job.job_id, .event_count = job.job_seq});
  }
}

bool Retention::HasPlainFile(const std::string& job_id) const {
  const auto info = files_.Stat(JobFilePath(runs_dir_, job_id));
  return info && info->has_value() && (*info)->is_regular;
}

// A job's last event always stays in SQLite: the journal's head and the job's rows rest on it.
std::optional<RetentionAction> Retention::JudgeEvents(EventTable& table, const JobAge& job,
                                                      int64_t over_for) const {
  int64_t through = old_through_seq_ == 0 ? 0 : table.JobSeqAt(job.first_seq, old_through_seq_);
  if (options_.max_events_per_job > 0 && over_for > kMicrosPerHour) {
    through = std::max(through, job.job_seq - options_.max_events_per_job);
  }
  through = std::min(through, job.job_seq - 1);
  const int64_t count = through - table.FileJobSeq(job.first_seq);
  if (count <= 0) return std::nullopt;
  return RetentionAction{.trim = {job.job_id, job.first_seq, through}, .event_count = count};
}

}  // namespace stagelog
