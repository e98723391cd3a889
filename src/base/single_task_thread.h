// A thread that runs one task at a time for its owner.
#ifndef STAGELOG_BASE_SINGLE_TASK_THREAD_H_
#define STAGELOG_BASE_SINGLE_TASK_THREAD_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

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
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;  // guarded by mutex_, as is all that follows
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace stagelog

#endif  // STAGELOG_BASE_SINGLE_TASK_THREAD_H_
