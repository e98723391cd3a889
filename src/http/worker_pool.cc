#include "http/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/mutex.h"

namespace stagelog {
namespace {

std::function<void()> TakeFirst(std::deque<std::function<void()>>& queue) {
  std::function<void()> work = std::move(queue.front());
  queue.pop_front();
  return work;
}

}  // namespace

WorkerPool::WorkerPool(int thread_count) {
  const int others = std::max(1, thread_count - 1);
  if (thread_count > 1) threads_.emplace_back([this] { RunQuickWork(); });
  for (int i = 0; i < others; ++i) threads_.emplace_back([this] { RunAnyWork(); });
}

WorkerPool::~WorkerPool() { Stop(); }

void WorkerPool::Run(Kind kind, std::function<void()> work) {
  const MutexLock lock(mutex_);
  if (stopping_) return;
  (kind == Kind::kQuick ? quick_ : searches_).push_back(std::move(work));
  if (kind == Kind::kQuick && std::exchange(kept_is_idle_, false)) {
    kept_wake_.notify_one();
  } else {
    wake_.notify_one();
  }
}

void WorkerPool::Stop() {
  Queue dropped_quick;
  Queue dropped_searches;
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    dropped_quick.swap(quick_);
    dropped_searches.swap(searches_);
    kept_wake_.notify_all();
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

size_t WorkerPool::Waiting(Kind kind) const {
  const MutexLock lock(mutex_);
  return kind == Kind::kQuick ? quick_.size() : searches_.size();
}

void WorkerPool::RunQuickWork() {
  ::pthread_setname_np(::pthread_self(), "pool-quick");
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && quick_.empty()) {
        kept_is_idle_ = true;
        kept_wake_.wait(lock);
      }
      kept_is_idle_ = false;
      if (stopping_) return;
      work = TakeFirst(quick_);
    }
    work();
  }
}

void WorkerPool::RunAnyWork() {
  ::pthread_setname_np(::pthread_self(), "pool");
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      wake_.wait(lock, [this]() STAGELOG_REQUIRES(mutex_) {
        return stopping_ || !searches_.empty() || !quick_.empty();
      });
      if (stopping_) return;
      work = TakeFirst(searches_.empty() ? quick_ : searches_);
    }
    work();
  }
}

}  // namespace stagelog
