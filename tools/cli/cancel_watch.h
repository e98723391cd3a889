// Learns that somebody has canceled the job, also while its command is quiet.
#ifndef STAGELOG_TOOLS_CLI_CANCEL_WATCH_H_
#define STAGELOG_TOOLS_CLI_CANCEL_WATCH_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "tools/cli/daemon_client.h"

namespace stagelog::cli {

// A thread with a long poll. The constructor and the destructor on one thread.
class CancelWatch {
 public:
  // `on_cancel` is called once at most, on the watch's thread.
  CancelWatch(const Settings& settings, std::string job_id, std::function<void()> on_cancel);
  ~CancelWatch();
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;

  // The daemon knows the job: from now on it is asked. Safe from any thread.
  void Arm();

 private:
  void Run();
  bool WaitUntilArmed();
  bool Rest();
  bool AskOnce();
  bool IsCanceledNow();

  const std::string job_id_;
  const std::function<void()> on_cancel_;
  DaemonClient client_;
  int64_t after_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool is_armed_ = false;
  bool is_stopped_ = false;
  bool has_ended_ = false;
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_TOOLS_CLI_CANCEL_WATCH_H_
