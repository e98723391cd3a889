// A real stagelogd as a child process.
#ifndef STAGELOG_TESTS_SUPPORT_DAEMON_PROCESS_H_
#define STAGELOG_TESTS_SUPPORT_DAEMON_PROCESS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/support/child_process.h"

namespace stagelog {

// The binary under test: $STAGELOG_DAEMON, else what the build was told (STAGELOG_DAEMON_PATH).
std::string DaemonPath();

struct DaemonOptions {
  std::string runs_dir;
  std::string config_path;
  std::string stderr_path;  // appended to, so that one file tells of all the starts
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: the daemon picks a free one
};

// One start of the daemon, under the rules of ChildProcess.
class DaemonProcess {
 public:
  // Starts the process and returns at once; it need not be listening yet, or ever.
  static Result<std::unique_ptr<DaemonProcess>> Spawn(const DaemonOptions& options);

  // Reads stdout up to the line "[stagelogd] listening on http://127.0.0.1:PORT". A failure, with
  // what stderr says, when the process ends first or the time is over.
  Status WaitUntilListening(std::chrono::milliseconds timeout);

  // SIGTERM, and the exit code as ChildProcess::WaitForExit gives it.
  std::optional<int> Terminate(std::chrono::milliseconds timeout);

  std::optional<int> WaitForExit(std::chrono::milliseconds timeout) {
    return process_->WaitForExit(timeout);
  }
  void Signal(int signal) { process_->Signal(signal); }
  void Kill9() { process_->Kill9(); }

  pid_t pid() const { return process_->pid(); }
  uint16_t port() const { return port_; }  // 0 before it listens
  std::string StderrText() const { return process_->StderrText(); }

 private:
  explicit DaemonProcess(std::unique_ptr<ChildProcess> process) : process_(std::move(process)) {}

  std::unique_ptr<ChildProcess> process_;
  uint16_t port_ = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_TESTS_SUPPORT_DAEMON_PROCESS_H_
