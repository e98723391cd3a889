#include "archive/retention_pass.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"

namespace stagelog {
namespace {

constexpr size_t kMaxJobsNamed = 1'000;

RetentionReport::Job JobOf(const RetentionAction& action) {
  using Action = RetentionReport::Action;
  if (!action.delete_job.empty()) return {action.delete_job, Action::kDelete, action.event_count};
  if (!action.compress_job.empty()) {
    return {action.compress_job, Action::kCompress, action.event_count};
  }
  return {action.trim.job_id, Action::kDropEvents, action.event_count};
}

}  // namespace

RetentionPass::RetentionPass(RetentionOptions options, FileSystem& files,
                             const std::string& runs_dir, MetricsRegistry& metrics)
    : events_dropped_total_(metrics.GetCounter(
          "stagelog_retention_dropped_events_total",
          "Events dropped from SQLite; they are still served from events.jsonl.")),
      jobs_compressed_total_(
          metrics.GetCounter("stagelog_retention_compressed_jobs_total",
                             "Jobs whose events.jsonl was compressed to events.jsonl.zst.")),
      compression_saved_bytes_total_(metrics.GetCounter(
          "stagelog_retention_compression_saved_bytes_total", "Bytes saved by compression.")),
      compression_failures_total_(
          metrics.GetCounter("stagelog_retention_compression_failures_total",
                             "Failed compressions; the files stay uncompressed.")),
      retention_(options, files, runs_dir),
      trimmer_(files, runs_dir),
      compressor_(files, runs_dir) {}

void RetentionPass::Begin(EventTable& table, int64_t now_micros, bool dry_run) {
  is_running_ = true;
  report_ = {.dry_run = dry_run};
  retention_.BeginPass(table, now_micros);
}

void RetentionPass::Abandon() {
  is_running_ = false;
  trimmer_.Abandon();
  compressor_.Abandon();
  retention_.Abandon();
  actions_.clear();
}

Status RetentionPass::Step(WriterAccess& access) {
  if (trimmer_.HasWork()) {
    StepTrimming(access);
    return {};
  }
  if (compressor_.HasWork()) {
    StepCompression(access);
    return {};
  }
  if (actions_.empty()) {
    Plan(access.table());
    return {};
  }
  const RetentionAction action = std::move(actions_.front());
  actions_.pop_front();
  return BeginAction(access, action);
}

void RetentionPass::Plan(EventTable& table) {
  is_running_ = retention_.IsRunning();
  if (!is_running_) return;
  for (RetentionAction& action : retention_.Look(table)) {
    const RetentionReport::Action kind = JobOf(action).action;
    switch (kind) {
      case RetentionReport::Action::kDropEvents:
        report_.events_dropped += action.event_count;
        break;
      case RetentionReport::Action::kCompress:  // counted when done, for it may be put off
        report_.jobs_compressed += report_.dry_run ? 1 : 0;
        break;
      case RetentionReport::Action::kDelete:  // likewise, when it begins
        report_.jobs_deleted += report_.dry_run ? 1 : 0;
        break;
    }
    if (report_.dry_run || kind != RetentionReport::Action::kDelete) AddToReport(action);
    if (!report_.dry_run) actions_.push_back(std::move(action));
  }
}

void RetentionPass::AddToReport(const RetentionAction& action) {
  if (report_.jobs.size() < kMaxJobsNamed) report_.jobs.push_back(JobOf(action));
}

Status RetentionPass::BeginAction(WriterAccess& access, const RetentionAction& action) {
  if (!action.delete_job.empty()) return DeleteIfUnchanged(access, action);
  if (!action.compress_job.empty()) {
    BeginCompression(access, action);
  } else if (!access.IsObstructed(action.trim.job_id)) {
    trimmer_.Begin(action.trim);
  }
  return {};
}

// Since the pass looked at the job others have gone, for minutes perhaps: meanwhile it may have
// begun again, or got a late event, which was acknowledged.
Status RetentionPass::DeleteIfUnchanged(WriterAccess& access, const RetentionAction& action) {
  const JobState* job = access.FindJob(action.delete_job);
  if (job == nullptr || !job->IsTerminal() || job->job_seq != action.event_count) return {};
  const Result<bool> deleted = access.DeleteJob(action.delete_job);
  if (!deleted) return tl::unexpected(deleted.error());
  if (!*deleted) return {};  // the next pass tries again
  ++report_.jobs_deleted;
  AddToReport(action);
  return {};
}

// Only a file that is noted is compressed, and that would be noted when it was idle for a while.
void RetentionPass::BeginCompression(WriterAccess& access, const RetentionAction& action) {
  access.SyncFile(action.compress_job);
  if (!access.IsObstructed(action.compress_job)) {
    compressor_.Begin(action.compress_job, action.event_count);
  }
}

// A file that differs or fails is repaired first; the next pass comes back to the job.
void RetentionPass::StepTrimming(WriterAccess& access) {
  const std::string job_id = trimmer_.job_id();
  if (access.IsObstructed(job_id)) return trimmer_.Abandon();
  const Result<int64_t> dropped = trimmer_.Step(access.table());
  if (dropped) {
    events_dropped_total_.Add(static_cast<uint64_t>(*dropped));
    return;
  }
  trimmer_.Abandon();
  access.ObstructFile(job_id, dropped.error().message);
}

// Where it fails nothing is lost and nobody has to wait: the file stays as it is until the next
// pass.
void RetentionPass::StepCompression(WriterAccess& access) {
  const std::string job_id = compressor_.job_id();
  if (access.IsObstructed(job_id)) return compressor_.Abandon();
  const Result<JobCompressor::Progress> progress = compressor_.Step(access.table());
  access.ForgetJob(job_id);  // what is known of its file
  if (!progress) {
    compression_failures_total_.Add();
    LogWarning("[journal] cannot compress events.jsonl of {}, leaving it as is: {}", job_id,
               progress.error().message);
    return access.CloseFile(job_id);
  }
  if (*progress != JobCompressor::Progress::kDone) return;
  access.CloseFile(job_id);
  jobs_compressed_total_.Add();
  const uint64_t before = compressor_.plain_bytes();
  const uint64_t after = compressor_.compressed_bytes();
  compression_saved_bytes_total_.Add(before - std::min(before, after));
  ++report_.jobs_compressed;
}

}  // namespace stagelog
