// A mutex that Clang can analyze: -Wthread-safety checks that what STAGELOG_GUARDED_BY names is
// used with the mutex held only (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html). tools/lint
// runs the analysis; other compilers ignore the annotations.
#ifndef STAGELOG_BASE_MUTEX_H_
#define STAGELOG_BASE_MUTEX_H_

#include <chrono>
#include <condition_variable>
#include <mutex>

#ifdef __clang__
#define STAGELOG_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define STAGELOG_THREAD_ANNOTATION(x)
#endif

// Of a member: read and written with `mutex` held only.
#define STAGELOG_GUARDED_BY(mutex) STAGELOG_THREAD_ANNOTATION(guarded_by(mutex))
// Of a function or lambda: called with `mutex` held.
#define STAGELOG_REQUIRES(mutex) STAGELOG_THREAD_ANNOTATION(requires_capability(mutex))
// Of a function whose locking the analysis cannot follow; it says why.
#define STAGELOG_UNCHECKED STAGELOG_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace stagelog {

class STAGELOG_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() STAGELOG_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() STAGELOG_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  bool try_lock() STAGELOG_THREAD_ANNOTATION(try_acquire_capability(true)) {
    return mutex_.try_lock();
  }

 private:
  friend class MutexLock;

  std::mutex mutex_;
};

// Holds a mutex from its construction to its end, but between unlock() and lock().
class STAGELOG_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) STAGELOG_THREAD_ANNOTATION(acquire_capability(mutex))
      : lock_(mutex.mutex_) {}
  ~MutexLock() STAGELOG_THREAD_ANNOTATION(release_capability()) = default;

  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void lock() STAGELOG_THREAD_ANNOTATION(acquire_capability()) { lock_.lock(); }
  void unlock() STAGELOG_THREAD_ANNOTATION(release_capability()) { lock_.unlock(); }

 private:
  friend class ConditionVariable;

  std::unique_lock<std::mutex> lock_;
};

// std::condition_variable for a MutexLock. A predicate that uses what the mutex guards is a lambda
// with STAGELOG_REQUIRES(mutex).
class ConditionVariable {
 public:
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

  void wait(MutexLock& lock) { condition_.wait(lock.lock_); }

  template <typename Predicate>
  void wait(MutexLock& lock, Predicate predicate) STAGELOG_UNCHECKED {
    while (!predicate()) condition_.wait(lock.lock_);
  }

  template <typename Rep, typename Period>
  std::cv_status wait_for(MutexLock& lock, std::chrono::duration<Rep, Period> time) {
    return condition_.wait_for(lock.lock_, time);
  }

  template <typename Rep, typename Period, typename Predicate>
  bool wait_for(MutexLock& lock, std::chrono::duration<Rep, Period> time,
                Predicate predicate) STAGELOG_UNCHECKED {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!predicate()) {
      if (condition_.wait_until(lock.lock_, end) == std::cv_status::timeout) return predicate();
    }
    return true;
  }

 private:
  std::condition_variable condition_;
};

}  // namespace stagelog

#endif  // STAGELOG_BASE_MUTEX_H_
