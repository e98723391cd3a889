// Progress bars of the running stages, which `tail` shows below its lines on a terminal.
#ifndef STAGELOG_CLI_WATCH_PROGRESS_BARS_H_
#define STAGELOG_CLI_WATCH_PROGRESS_BARS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/screen.h"
#include "client/daemon_client.h"

namespace stagelog::cli {

// Fed with events in their order. A stage has a bar from its first report with a share to its end.
// Used by one thread.
class ProgressBars {
 public:
  static constexpr size_t kMaxRows = 6;

  // True when the event was a report that these bars show.
  bool Take(const Json& event);

  // At most kMaxRows rows: the most recently updated stages, in the order in which they began. Each
  // at most `columns` wide; `with_job` adds the job's name before the stage's.
  std::vector<std::string> Rows(size_t columns, bool with_job, const Screen& screen) const;

 private:
  struct Bar {
    std::string job_id;
    std::string stage;
    std::string label;  // the stage with its attempt
    double share = 0;   // 0 to 1
    std::string figures;
    double first_share = 0;  // for the rate
    int64_t first_micros = 0;
    int64_t last_micros = 0;
    uint64_t reported = 0;  // a later report has a greater number
  };

  bool TakeReport(const Json& event);
  void Forget(const std::string& job_id, const std::string& stage);
  Bar& FindOrAdd(const Json& event);

  std::vector<Bar> bars_;
  uint64_t reports_ = 0;
};

// A bar of `columns` cells with that share (0 to 1) of it full.
std::string BarText(double share, size_t columns);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_WATCH_PROGRESS_BARS_H_
