#include "tools/cli/cancel_watch.h"

#include <chrono>

namespace stagelog::cli {
namespace {

constexpr int kWaitSeconds = 60;
constexpr std::chrono::seconds kRest(2);  // after a failure
constexpr std::chrono::milliseconds kStopEvery(50);

}  // namespace

CancelWatch::CancelWatch(const Settings& settings, std::string job_id,
                         std::function<void()> on_cancel)
    : job_id_(std::move(job_id)), on_cancel_(std::move(on_cancel)), client_(settings) {
  thread_ = std::thread([this] { Run(); });
}

CancelWatch::~CancelWatch() {
  std::unique_lock lock(mutex_);
  is_stopped_ = true;
  changed_.notify_all();
  // Again and again, for a connection that is only being made cannot be stopped yet.
  while (!has_ended_) {
    client_.Stop();
    changed_.wait_for(lock, kStopEvery, [&] { return has_ended_; });
  }
  lock.unlock();
  thread_.join();
}

void CancelWatch::Arm() {
  const std::lock_guard lock(mutex_);
  is_armed_ = true;
  changed_.notify_all();
}

void CancelWatch::Run() {
  if (WaitUntilArmed()) {
    while (AskOnce()) {
    }
  }
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
}

bool CancelWatch::WaitUntilArmed() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return is_armed_ || is_stopped_; });
  return !is_stopped_;
}

// False when it is time to end.
bool CancelWatch::Rest() {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, kRest, [&] { return is_stopped_; });
}

bool CancelWatch::AskOnce() {
  const auto page =
      client_.GetJson(JobTarget(job_id_) + "/events?after=" + std::to_string(after_) +
                          "&limit=1&type=job_canceled&wait=" + std::to_string(kWaitSeconds),
                      kWaitSeconds);
  if (!page || !page->is_object()) return Rest();
  const bool has_events = page->contains("events") && !page->at("events").empty();
  if (has_events && IsCanceledNow()) {
    on_cancel_();
    return false;
  }
  const auto next_after = page->find("next_after");
  if (next_after == page->end() || !next_after->is_number_integer()) return Rest();
  after_ = next_after->get<int64_t>();
  const std::lock_guard lock(mutex_);
  return !is_stopped_;
}

// A job that was canceled once may have been resumed since.
bool CancelWatch::IsCanceledNow() {
  const auto job = client_.GetJson(JobTarget(job_id_));
  return job && job->is_object() && job->contains("status") && job->at("status") == "canceled";
}

}  // namespace stagelog::cli
