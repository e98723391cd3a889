#include "stream/subscriber.h"

#include <algorithm>
#include <array>

namespace stagelog {

std::string_view CloseReasonName(CloseReason reason) {
  static constexpr std::array<std::string_view, kCloseReasonCount> kNames = {
      "client", "stalled", "terminal", "token", "shutdown", "deleted"};
  return kNames[static_cast<size_t>(reason)];
}

void Subscriber::MoveOver(std::span<const FrameRun> runs, const SendReport& report) {
  if (report.runs_begun == 0) return;
  const FrameRun& last = runs[report.runs_begun - 1];
  cursor = std::max(cursor, last.through_seq);
  job_over = last.job_over;
  over_by_page = false;
}

}  // namespace stagelog
