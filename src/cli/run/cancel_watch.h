// Detects that the job was canceled, also while its command prints nothing.
#ifndef STAGELOG_CLI_RUN_CANCEL_WATCH_H_
#define STAGELOG_CLI_RUN_CANCEL_WATCH_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "client/daemon_client.h"

namespace stagelog::cli {

// A thread with a long poll. The constructor and the destructor on one thread.
class CancelWatch {
 public:
  // `on_cancel` is called once at most, on the watch's thread, and never after the destructor.
  CancelWatch(const Settings& settings, const std::string& job_id, std::function<void()> on_cancel);
  // Ends at once; a pending connection attempt (to a machine that does not answer) cannot be
  // aborted, and is abandoned.
  ~CancelWatch();
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;

  // Starts polling: the daemon knows the job, or soon will. Safe from any thread.
  void Arm();

 private:
  class Poll;

  std::shared_ptr<Poll> poll_;  // shared with the thread
  std::thread thread_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_RUN_CANCEL_WATCH_H_
