// A thread that does one task at a time beside its owner.
#ifndef STAGELOG_BASE_SIDE_THREAD_H_
#define STAGELOG_BASE_SIDE_THREAD_H_

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace stagelog {

// All functions are called by the owner, one thread at a time.
class SideThread {
 public:
  // `name` is what tools show, at most 15 bytes.
  explicit SideThread(std::string name);
  ~SideThread();  // after the task under way

  // The one before is done. What `task` sees was written before this call; what it wrote is seen
  // after Wait(). It throws nothing.
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

#endif  // STAGELOG_BASE_SIDE_THREAD_H_
