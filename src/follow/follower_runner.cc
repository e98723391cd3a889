#include "follow/follower_runner.h"

#include <fmt/core.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/logging.h"
#include "base/random.h"

namespace stagelog {
namespace {

double SecondsOf(int64_t micros) { return static_cast<double>(micros) / 1e6; }

std::string RhythmOf(const RetryPauses& pauses) {
  const double first = SecondsOf(pauses.first_micros);
  const double longest = SecondsOf(pauses.longest_micros);
  if (first == longest) return fmt::format("retrying every {} s", first);
  return fmt::format("retrying after {} s, and ever later up to {} s", first, longest);
}

}  // namespace

FollowerRunner::FollowerRunner(std::unique_ptr<FollowerTask> task,
                               const JournalStatusSource& journal, Clock& clock, RetryPauses pauses)
    : task_(std::move(task)),
      journal_(journal),
      clock_(clock),
      pauses_(pauses),
      alarm_(std::make_shared<Alarm>()),
      wake_([alarm = alarm_] { alarm->Wake(); }),
      next_pause_micros_(pauses.first_micros) {
  STAGELOG_CHECK(0 < pauses.first_micros && pauses.first_micros <= pauses.longest_micros);
}

FollowerRunner::~FollowerRunner() { Stop(); }

void FollowerRunner::Start(const std::string& thread_name) {
  thread_ = std::thread([this, thread_name] {
    ::pthread_setname_np(::pthread_self(), thread_name.c_str());
    while (RunOnce()) {
    }
  });
}

void FollowerRunner::Stop() {
  if (stopping_.exchange(true)) return;
  alarm_->Wake();
  if (thread_.joinable()) thread_.join();
  task_->Finish();
}

void FollowerRunner::OnCommit(const CommittedBatchPointer& batch) {
  if (task_->Note(batch)) alarm_->Wake();
}

void FollowerRunner::OnJobDeleted(const std::string& job_id, int64_t seq) {
  if (task_->NoteDeletion(job_id, seq)) alarm_->Wake();
}

bool FollowerRunner::RunOnce(bool may_wait) {
  while (!stopping_) {
    const WorkTime next = NextTurn();
    if (HasCome(next)) {
      TakeTurn();
      return true;
    }
    if (!may_wait) return true;
    alarm_->Sleep(next.boot_micros, next.wall_micros);
  }
  return false;
}

WorkTime FollowerRunner::NextTurn() const {
  WorkTime next;
  if (!is_blocked_) next = task_->NextWork();
  next.boot_micros = std::min(next.boot_micros, retry_at_micros_);
  return next;
}

bool FollowerRunner::HasCome(const WorkTime& time) const {
  return clock_.BootMicros() >= time.boot_micros || clock_.WallMicros() >= time.wall_micros;
}

void FollowerRunner::TakeTurn() {
  const bool is_retry = clock_.BootMicros() >= retry_at_micros_;
  const bool is_pausing = retry_at_micros_ != WorkTime::kNever && !is_retry;
  const Result<TurnOutcome> outcome = task_->Work({is_retry, wake_});
  is_blocked_ = !outcome;
  if (!outcome) {
    SetProblem(outcome.error().message);
    PauseBeforeRetry();
    if (!std::exchange(is_outage_logged_, true)) {
      LogWarning("[follow] {} cannot go on: {}; {}", task_->name(), outcome.error().message,
                 RhythmOf(pauses_));
    }
  } else if (outcome->is_under_way) {
    retry_at_micros_ = WorkTime::kNever;
  } else if (!outcome->problem.empty()) {
    SetProblem(outcome->problem);
    if (!is_pausing) PauseBeforeRetry();
  } else if (outage_since_micros_) {
    EndOutage();
  }
}

void FollowerRunner::EndOutage() {
  const int64_t lasted = clock_.BootMicros() - *outage_since_micros_;
  LogInfo("[follow] {} has recovered after {} s", task_->name(), lasted / 1'000'000);
  SetProblem("");
  retry_at_micros_ = WorkTime::kNever;
  next_pause_micros_ = pauses_.first_micros;
  outage_since_micros_.reset();
  is_outage_logged_ = false;
}

void FollowerRunner::SetProblem(const std::string& problem) {
  const MutexLock lock(mutex_);
  problem_ = problem;
}

void FollowerRunner::PauseBeforeRetry() {
  const int64_t now = clock_.BootMicros();
  if (!outage_since_micros_) outage_since_micros_ = now;
  int64_t pause = next_pause_micros_;
  if (pauses_.first_micros != pauses_.longest_micros) {
    pause -= static_cast<int64_t>(RandomBits() % static_cast<uint64_t>(pause / 2 + 1));
  }
  retry_at_micros_ = now + pause;
  next_pause_micros_ = next_pause_micros_ < pauses_.longest_micros / 2 ? 2 * next_pause_micros_
                                                                       : pauses_.longest_micros;
}

FollowerStatus FollowerRunner::GetFollowerStatus() const {
  const int64_t head = journal_.GetStatus().head_seq;
  const int64_t lag = std::max<int64_t>(0, head - task_->DoneThrough());
  const MutexLock lock(mutex_);
  return {.name = std::string(task_->name()), .lag_events = lag, .problem = problem_};
}

}  // namespace stagelog
