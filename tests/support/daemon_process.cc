#include "tests/support/daemon_process.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "tests/support/deadline.h"

namespace stagelog {
namespace {

constexpr std::string_view kReadyLine = "[stagelogd] listening on http://";

// The number behind the last colon; 0 when there is none.
uint16_t PortOf(const std::string& line) {
  uint16_t port = 0;
  const size_t colon = line.rfind(':');
  std::from_chars(line.data() + colon + 1, line.data() + line.size(), port);
  return port;
}

}  // namespace

std::string DaemonPath() {
  if (const char* path = std::getenv("STAGELOG_DAEMON")) return path;
#ifdef STAGELOG_DAEMON_PATH
  return STAGELOG_DAEMON_PATH;
#else
  return "build/bin/stagelogd";
#endif
}

Result<std::unique_ptr<DaemonProcess>> DaemonProcess::Spawn(const DaemonOptions& options) {
  if (::access(DaemonPath().c_str(), X_OK) != 0) {
    return Failure("no daemon to run at " + DaemonPath(), errno);
  }
  auto process =
      ChildProcess::Spawn({DaemonPath(), "--config", options.config_path, "--host", options.host,
                           "--port", std::to_string(options.port), "--runs-dir", options.runs_dir},
                          options.stderr_path);
  if (!process) return Failure(process.error().message, process.error().error_number);
  return std::unique_ptr<DaemonProcess>(new DaemonProcess(std::move(*process)));
}

Status DaemonProcess::WaitUntilListening(std::chrono::milliseconds timeout) {
  const Deadline deadline(timeout);
  while (port_ == 0) {
    const auto line = process_->ReadLine(std::chrono::milliseconds(deadline.RemainingMs()));
    if (!line && line.error().error_number == ETIMEDOUT) {
      return Failure("the daemon does not listen in time; stderr:\n" + StderrText());
    }
    if (!line) {
      const std::optional<int> code = WaitForExit(std::chrono::seconds(10));
      return Failure("the daemon ended with " + std::to_string(code.value_or(-1)) +
                     " before it listened; stderr:\n" + StderrText());
    }
    if (line->starts_with(kReadyLine)) port_ = PortOf(*line);
  }
  return {};
}

std::optional<int> DaemonProcess::Terminate(std::chrono::milliseconds timeout) {
  Signal(SIGTERM);
  return WaitForExit(timeout);
}

}  // namespace stagelog
