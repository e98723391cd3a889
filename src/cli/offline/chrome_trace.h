// A job's state as a trace for Perfetto and chrome://tracing ("Trace Event Format", JSON object
// form).
#ifndef STAGELOG_CLI_OFFLINE_CHROME_TRACE_H_
#define STAGELOG_CLI_OFFLINE_CHROME_TRACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/job_state.h"

namespace stagelog::cli {

// What a trace shows of one moment.
struct TraceMark {
  int64_t happened_micros = 0;
  std::string name;
};

// Stages as slices, gates as slices in a separate lane, `marks` as instants. Slices of a lane must
// be disjoint or nested, which the format requires of a thread: concurrent stages get their own
// lanes. Items that have not ended extend to the job's last event.
std::string EncodeChromeTrace(const JobState& state, const std::vector<TraceMark>& marks);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_CHROME_TRACE_H_
