#include "cli/run/cancel_watch.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/mutex.h"

namespace stagelog::cli {
namespace {

constexpr int kWaitSeconds = 60;
// After a failure; twice as long each time.
constexpr std::chrono::milliseconds kFirstRest(100);
constexpr std::chrono::milliseconds kLastRest(2'000);
constexpr std::chrono::milliseconds kStopPatience(200);

}  // namespace

class CancelWatch::Poll {
 public:
  Poll(const Settings& settings, std::string job_id, std::function<void()> on_cancel)
      : job_id_(std::move(job_id)), client_(settings), on_cancel_(std::move(on_cancel)) {}

  // On the watch's thread.
  void Run() {
    if (WaitUntilArmed()) {
      while (AskOnce()) {
      }
    }
    const MutexLock lock(mutex_);
    has_ended_ = true;
    changed_.notify_all();
  }

  void Arm() {
    const MutexLock lock(mutex_);
    is_armed_ = true;
    changed_.notify_all();
  }

  // Nothing is reported from now on. Where a request runs, StopRequest() ends it.
  void Stop() {
    const MutexLock lock(mutex_);
    is_stopped_ = true;
    changed_.notify_all();
  }

  void StopRequest() { client_.Stop(); }

  // True when Run() has ended, or is about to.
  bool HasEndedSoon() {
    MutexLock lock(mutex_);
    return changed_.wait_for(lock, kStopPatience,
                             [&]() STAGELOG_REQUIRES(mutex_) { return has_ended_; });
  }

 private:
  bool WaitUntilArmed() {
    MutexLock lock(mutex_);
    changed_.wait(lock, [&]() STAGELOG_REQUIRES(mutex_) { return is_armed_ || is_stopped_; });
    return !is_stopped_;
  }

  // False when it is time to end.
  bool Rest() {
    MutexLock lock(mutex_);
    const auto rest = std::exchange(rest_, std::min(rest_ * 2, kLastRest));
    return !changed_.wait_for(lock, rest, [&]() STAGELOG_REQUIRES(mutex_) { return is_stopped_; });
  }

  bool AskOnce() {
    const auto page = client_.GetJson(Target(), kWaitSeconds);
    if (!page || !page->is_object()) return Rest();
    const bool has_events = page->contains("events") && !page->at("events").empty();
    if (has_events && IsCanceledNow()) {
      ReportCancel();
      return false;
    }
    const auto next_after = page->find("next_after");
    if (next_after == page->end() || !next_after->is_number_integer()) return Rest();
    after_ = next_after->get<int64_t>();
    rest_ = kFirstRest;
    const MutexLock lock(mutex_);
    return !is_stopped_;
  }

  std::string Target() const {
    return JobTarget(job_id_) + "/events?after=" + std::to_string(after_) +
           "&limit=1&type=job_canceled&wait=" + std::to_string(kWaitSeconds);
  }

  // A job that was canceled once may have been resumed since.
  bool IsCanceledNow() {
    const auto job = client_.GetJson(JobTarget(job_id_));
    return job && job->is_object() && job->contains("status") && job->at("status") == "canceled";
  }

  void ReportCancel() {
    const MutexLock lock(mutex_);
    if (!is_stopped_) on_cancel_();
  }

  const std::string job_id_;
  DaemonClient client_;
  int64_t after_ = 0;
  std::chrono::milliseconds rest_ = kFirstRest;

  Mutex mutex_;  // guards what follows
  ConditionVariable changed_;
  const std::function<void()> on_cancel_;
  bool is_armed_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool is_stopped_ STAGELOG_GUARDED_BY(mutex_) = false;
  bool has_ended_ STAGELOG_GUARDED_BY(mutex_) = false;
};

CancelWatch::CancelWatch(const Settings& settings, const std::string& job_id,
                         std::function<void()> on_cancel)
    : poll_(std::make_shared<Poll>(settings, job_id, std::move(on_cancel))) {
  thread_ = std::thread([poll = poll_] { poll->Run(); });
}

CancelWatch::~CancelWatch() {
  poll_->Stop();
  // On a thread of its own, for it waits while a connection is being made.
  std::thread([poll = poll_] { poll->StopRequest(); }).detach();
  if (poll_->HasEndedSoon()) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void CancelWatch::Arm() { poll_->Arm(); }

}  // namespace stagelog::cli
