// A few threads for work that waits on the disk or takes long: the request loop never does either.
#ifndef STAGELOG_HTTP_WORKER_POOL_H_
#define STAGELOG_HTTP_WORKER_POOL_H_

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace stagelog {

class WorkerPool {
 public:
  explicit WorkerPool(int thread_count);
  ~WorkerPool();  // as Stop()

  // Runs `work` on one of the threads, in the order of the calls. Dropped after Stop(). Safe from
  // any thread.
  void Run(std::function<void()> work);

  // Lets running work end, drops what waits.
  void Stop();

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace stagelog

#endif  // STAGELOG_HTTP_WORKER_POOL_H_
