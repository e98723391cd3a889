#include "base/single_task_thread.h"

#include <pthread.h>

#include <utility>

#include "base/check.h"
#include "base/mutex.h"

namespace stagelog {

SingleTaskThread::SingleTaskThread(std::string name) : name_(std::move(name)) {
  thread_ = std::thread([this] { Run(); });
}

SingleTaskThread::~SingleTaskThread() {
  {
    const MutexLock lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SingleTaskThread::Start(std::function<void()> task) {
  {
    const MutexLock lock(mutex_);
    STAGELOG_CHECK(!task_);
    task_ = std::move(task);
  }
  changed_.notify_all();
}

void SingleTaskThread::Wait() {
  MutexLock lock(mutex_);
  changed_.wait(lock, [this]() STAGELOG_REQUIRES(mutex_) { return !task_; });
}

void SingleTaskThread::Run() {
  ::pthread_setname_np(::pthread_self(), name_.c_str());
  MutexLock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this]() STAGELOG_REQUIRES(mutex_) { return task_ || is_ending_; });
    if (!task_) return;
    const std::function<void()> task = task_;
    lock.unlock();
    task();
    lock.lock();
    task_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace stagelog
