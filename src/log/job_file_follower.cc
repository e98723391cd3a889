#include "log/job_file_follower.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "log/file/set_aside.h"

namespace stagelog {
namespace {

constexpr size_t kMaxNamed = 100;
constexpr int kMaxDoublings = 6;            // of the time between two attempts
constexpr size_t kMaxTailBytes = 16 << 20;  // that the writer appends itself after a repair
constexpr int kQuickRepairs = 3;            // of a file that is obstructed over and over
constexpr size_t kMaxRepaired = 1'000;

}  // namespace

JobFileFollower::JobFileFollower(FileSystem& files, Clock& clock, Options options,
                                 std::function<void()> wake)
    : filesystem_(files),
      clock_(clock),
      options_(std::move(options)),
      wake_(std::move(wake)),
      job_files_(files, options_.runs_dir, options_.open_files) {}

JobFileFollower::~JobFileFollower() { StopRunning(); }

void JobFileFollower::StartThread() { thread_ = std::make_unique<SingleTaskThread>("file-repair"); }

void JobFileFollower::Prepare(const std::string& job_id, const JobState* job, EventTable& table,
                              std::vector<std::string>& set_aside) {
  if (IsObstructed(job_id)) return;
  const Status prepared = PrepareFile(job_id, job, table, set_aside);
  const int64_t next = job == nullptr ? 1 : job->job_seq + 1;
  if (prepared) return;
  Obstruct(job_id, next, prepared.error().message);
  obstructed_.at(job_id).is_new_job = job == nullptr;
}

// A compressed file is made plain. Its stamp is removed first: after a crash from here on, the next
// opening compares the file.
Status JobFileFollower::PrepareFile(const std::string& job_id, const JobState* job,
                                    EventTable& table, std::vector<std::string>& set_aside) {
  if (job == nullptr) {
    Result<std::vector<std::string>> moved = MakeRoomForNewJob(
        filesystem_, options_.runs_dir, job_id, SetAsideSuffix(clock_.WallMicros()));
    if (!moved) return tl::unexpected(moved.error());
    for (std::string& name : *moved) set_aside.push_back(std::move(name));
    return {};
  }
  const Result<bool> is_compressed = job_files_.IsCompressed(job_id);
  if (!is_compressed) return tl::unexpected(is_compressed.error());
  if (!*is_compressed) return {};
  if (Status known = LoadStamp(job_id, table); !known) return known;
  table.ForgetFileStamp(job->first_seq);
  return job_files_.MakePlain(job_id);
}

void JobFileFollower::Append(const std::string& job_id, std::string_view lines,
                             int64_t first_job_seq) {
  if (IsObstructed(job_id)) return;
  const Status appended = job_files_.Append(job_id, lines, clock_.MonotonicMicros());
  if (appended) {
    const auto count = std::count(lines.begin(), lines.end(), '\n');
    job_files_.SetThrough(job_id, first_job_seq + count - 1);
  } else {
    Obstruct(job_id, first_job_seq, appended.error().message);
  }
  ObstructFailedCloses();
}

void JobFileFollower::ObstructFailedCloses() {
  for (const JobFiles::FailedClose& close : job_files_.TakeFailedCloses()) {
    Obstruct(close.job_id, close.through_job_seq + 1, close.error.message, /*sync_failed=*/true);
  }
}

Status JobFileFollower::LoadStamp(const std::string& job_id, EventTable& table) {
  if (job_files_.Knows(job_id) || IsObstructed(job_id)) return {};
  try {
    const std::optional<JobRow> row = table.FindJob(job_id);
    if (row && row->file) job_files_.Expect(job_id, row->file->info);
  } catch (const SQLite::Exception& problem) {
    return Failure(problem.what());
  }
  return {};
}

void JobFileFollower::Obstruct(const std::string& job_id, int64_t first_missing_job_seq,
                               const std::string& problem, bool sync_failed) {
  job_files_.Forget(job_id);
  const auto [entry, is_new] = obstructed_.try_emplace(job_id);
  Obstruction& obstruction = entry->second;
  obstruction.sync_failed = obstruction.sync_failed || sync_failed;
  if (!is_new) return;
  obstruction.first_missing_job_seq = first_missing_job_seq;
  obstruction.problem = problem;
  obstruction.retry_at_micros = clock_.MonotonicMicros();
  const auto before = repaired_.find(job_id);
  if (before != repaired_.end()) {
    const Repaired& repaired = before->second;
    const bool is_recent = obstruction.retry_at_micros - repaired.at_micros < LongestWait();
    if (is_recent) obstruction.attempts = repaired.attempts;
    if (is_recent && repaired.attempts > kQuickRepairs) {
      obstruction.retry_at_micros += WaitAfter(repaired.attempts - kQuickRepairs - 1);
    }
  }
  needs_note_ = true;
  LogWarning(
      "[journal] cannot write events.jsonl of {}: {}; its events are accepted, and written to the "
      "file when that is possible",
      job_id, problem);
}

std::vector<ObstructedFile> JobFileFollower::ObstructedFiles() const {
  std::vector<ObstructedFile> named;
  for (const auto& [job_id, obstruction] : obstructed_) {
    if (named.size() == kMaxNamed) break;
    named.push_back({job_id, obstruction.first_missing_job_seq, obstruction.problem});
  }
  return named;
}

std::vector<OwedFile> JobFileFollower::OwedFiles() const {
  std::vector<OwedFile> owed;
  owed.reserve(obstructed_.size());
  for (const auto& [job_id, obstruction] : obstructed_) {
    owed.push_back({job_id, obstruction.first_missing_job_seq});
  }
  return owed;
}

bool JobFileFollower::HasWork() const {
  if (running_ != nullptr) return running_->is_done;
  return NextRepairMicros() <= clock_.MonotonicMicros();
}

int64_t JobFileFollower::NextRepairMicros() const {
  if (running_ != nullptr) return INT64_MAX;  // its end wakes the writer
  int64_t next = INT64_MAX;
  for (const auto& [job_id, obstruction] : obstructed_) {
    next = std::min(next, obstruction.retry_at_micros);
  }
  return next;
}

std::optional<std::string> JobFileFollower::DueJob() const {
  const auto due = std::min_element(
      obstructed_.begin(), obstructed_.end(), [](const auto& one, const auto& other) {
        return one.second.retry_at_micros < other.second.retry_at_micros;
      });
  if (due == obstructed_.end()) return std::nullopt;
  if (due->second.retry_at_micros > clock_.MonotonicMicros()) return std::nullopt;
  return due->first;
}

std::optional<JobRepair> JobFileFollower::Step(EventTable& table) {
  if (running_ != nullptr) {
    if (!running_->is_done) return std::nullopt;
    thread_->Wait();
    const std::unique_ptr<Running> finished = std::move(running_);
    return Finish(finished->request.job_id, std::move(*finished->result), table);
  }
  const std::optional<std::string> job_id = DueJob();
  if (!job_id) return std::nullopt;
  const Obstruction& obstruction = obstructed_.at(*job_id);
  JobFileRepairRequest request{.job_id = *job_id,
                               .is_new_job = obstruction.is_new_job,
                               .sync_failed = obstruction.sync_failed,
                               .time_suffix = SetAsideSuffix(clock_.WallMicros())};
  if (thread_ == nullptr) {
    return Finish(*job_id, RepairHere(request, table), table);
  }
  running_ = std::make_unique<Running>();
  running_->request = std::move(request);
  thread_->Start([this, running = running_.get()] {
    running->result =
        RepairJobFile(filesystem_, options_.runs_dir, running->request, is_cancelled_);
    running->is_done = true;
    wake_();
  });
  return std::nullopt;
}

Result<JobFileRepairResult> JobFileFollower::RepairHere(const JobFileRepairRequest& request,
                                                        EventTable& table) {
  try {
    return RepairJobFile(filesystem_, table, options_.runs_dir, request, is_cancelled_);
  } catch (const SQLite::Exception&) {
    table.Rollback();
    throw;
  }
}

std::optional<JobRepair> JobFileFollower::Finish(const std::string& job_id,
                                                 Result<JobFileRepairResult> result,
                                                 EventTable& table) {
  if (!result) {
    PutOff(job_id, result.error().message);
    return std::nullopt;
  }
  obstructed_.at(job_id).is_new_job = false;
  if (result->first_seq == 0 && table.FindJob(job_id)) {
    PutOff(job_id, "the database that is there does not know the job");
    return std::nullopt;
  }
  if (result->first_seq != 0 && !AppendTail(job_id, *result, table)) {
    return std::move(result->repair);
  }
  if (repaired_.size() >= kMaxRepaired) repaired_.clear();
  repaired_[job_id] = {obstructed_.at(job_id).attempts + 1, clock_.MonotonicMicros()};
  obstructed_.erase(job_id);
  note_is_stale_ = true;
  LogInfo("[journal] events.jsonl of {} is complete again", job_id);
  return std::move(result->repair);
}

// What was committed since the repair looked at the table. False if the file is not complete: there
// is too much of it, and it goes through another repair, or the file failed again.
bool JobFileFollower::AppendTail(const std::string& job_id, const JobFileRepairResult& result,
                                 EventTable& table) {
  std::string lines;
  table.VisitJobEvents(result.first_seq, result.through_job_seq,
                       [&](int64_t, std::string_view body) {
                         lines += body;
                         lines += '\n';
                         return lines.size() < kMaxTailBytes;
                       });
  if (lines.size() >= kMaxTailBytes) {
    obstructed_.at(job_id).retry_at_micros = clock_.MonotonicMicros();
    return false;
  }
  // Also without lines: the file is synced and stamped some time later. A compressed one was.
  const Result<bool> is_compressed = job_files_.IsCompressed(job_id);
  if (lines.empty() && is_compressed && *is_compressed) return true;
  job_files_.Expect(job_id, result.info);
  const Status appended = job_files_.Append(job_id, lines, clock_.MonotonicMicros());
  if (appended) return true;
  job_files_.Forget(job_id);
  PutOff(job_id, appended.error().message);
  return false;
}

void JobFileFollower::PutOff(const std::string& job_id, const std::string& problem) {
  Obstruction& obstruction = obstructed_.at(job_id);
  obstruction.retry_at_micros = clock_.MonotonicMicros() + WaitAfter(obstruction.attempts++);
  if (obstruction.problem == problem) return;
  obstruction.problem = problem;
  LogWarning("[journal] still cannot write events.jsonl of {}: {}", job_id, problem);
}

int64_t JobFileFollower::LongestWait() const { return 60 * options_.retry_micros; }

int64_t JobFileFollower::WaitAfter(int attempts) const {
  return std::min(options_.retry_micros << std::min(attempts, kMaxDoublings), LongestWait());
}

void JobFileFollower::RepairAll(EventTable& table, int64_t until_micros) {
  StopRunning();
  ObstructFailedCloses();
  const int64_t now = clock_.MonotonicMicros();
  for (auto& [job_id, obstruction] : obstructed_) obstruction.retry_at_micros = now;
  const std::unique_ptr<SingleTaskThread> thread = std::move(thread_);  // without it, here
  while (HasWork() && clock_.MonotonicMicros() <= until_micros) {
    const std::string job_id = *DueJob();
    const auto info = filesystem_.Stat(JobFilePath(options_.runs_dir, job_id));
    const bool is_large = info && *info && (*info)->size > kMaxTailBytes;
    if (is_large) {
      PutOff(job_id, "the journal is being closed");
    } else {
      Step(table);
    }
  }
}

void JobFileFollower::StopRunning() {
  if (running_ == nullptr) return;
  is_cancelled_ = true;
  thread_->Wait();
  is_cancelled_ = false;
  running_.reset();
}

void JobFileFollower::Forget(const std::string& job_id) {
  if (running_ != nullptr && running_->request.job_id == job_id) StopRunning();
  if (obstructed_.erase(job_id) > 0) note_is_stale_ = true;
  job_files_.Forget(job_id);
}

void JobFileFollower::Clear() {
  StopRunning();
  obstructed_.clear();
  needs_note_ = note_is_stale_ = false;
  job_files_.CloseAll();
}

}  // namespace stagelog
