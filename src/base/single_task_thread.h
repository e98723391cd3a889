// A thread that runs one task at a time for its owner.
#ifndef STAGELOG_BASE_SINGLE_TASK_THREAD_H_
#define STAGELOG_BASE_SINGLE_TASK_THREAD_H_

#include <functional>
#include <string>
#include <thread>

#include "base/mutex.h"

namespace stagelog {

// All functions are called by the owner, one thread at a time.
class SingleTaskThread {
 public:
  // `name` is what tools show, at most 15 bytes.
  explicit SingleTaskThread(std::string name);
  ~SingleTaskThread();  // after the task under way

  // The previous task must be done. Writes before this call are visible to `task`, its writes are
  // visible after Wait(). `task` must not throw.
  void Start(std::function<void()> task);
  void Wait();

 private:
  void Run();

  const std::string name_;
  mutable Mutex mutex_;
  ConditionVariable changed_;
  std::function<void()> task_
      STAGELOG_GUARDED_BY(mutex_);  // guarded by mutex_, as is all that follows
  bool is_ending_ STAGELOG_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_BASE_SINGLE_TASK_THREAD_H_
