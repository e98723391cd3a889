// A few threads for work that blocks on the disk or takes long: the request loop does neither.
#ifndef STAGELOG_HTTP_WORKER_POOL_H_
#define STAGELOG_HTTP_WORKER_POOL_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace stagelog {

// Two FIFO queues. With two or more threads, one is reserved for quick work; the others prefer
// searches, and take quick work if there are none, so that neither kind waits for the other.
class WorkerPool {
 public:
  enum class Kind {
    kQuick,   // a page, a state: milliseconds
    kSearch,  // looks through much: up to a quarter of a second, and clients ask for the next
  };

  // At least one thread.
  explicit WorkerPool(int thread_count);
  ~WorkerPool();  // as Stop()

  // Runs `work` on one of the threads. Dropped after Stop(). Safe from any thread.
  void Run(Kind kind, std::function<void()> work);

  // Lets running work end, drops what waits.
  void Stop();

  // What waits and has not begun. Safe from any thread.
  size_t Waiting(Kind kind) const;

 private:
  using Queue = std::deque<std::function<void()>>;

  void RunQuickWork();
  void RunAnyWork();

  mutable Mutex mutex_;
  ConditionVariable kept_wake_;              // of the thread that is kept for quick work
  ConditionVariable wake_;                   // of the others
  Queue quick_ STAGELOG_GUARDED_BY(mutex_);  // guarded by mutex_, as is all that follows
  Queue searches_ STAGELOG_GUARDED_BY(mutex_);
  bool kept_is_idle_ STAGELOG_GUARDED_BY(mutex_) = false;  // and was not notified yet
  bool stopping_ STAGELOG_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_WORKER_POOL_H_
