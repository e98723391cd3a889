// A job at an earlier moment: the fold of its events up to then, as the daemon answers `at_seq=`
// and `at=`.
#ifndef STAGELOG_CLI_OFFLINE_JOB_MOMENT_H_
#define STAGELOG_CLI_OFFLINE_JOB_MOMENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "cli/offline/event_sequence.h"
#include "core/job_state.h"

namespace stagelog::cli {

// At most one is set; none: after the last event.
struct JobMoment {
  std::optional<int64_t> at_seq;
  std::optional<int64_t> at_micros;  // since 1970
};

// What --at-seq and --at say; empty text stands for a flag that was not given. Times are
// read by time_argument.h; one in the future is refused.
CliResult<JobMoment> ParseJobMoment(const std::string& at_seq, const std::string& at,
                                    int64_t now_micros);

// The state after the last event at or before the moment. Stops reading as early as possible: later
// lines are not checked. kUsage for a moment before the first event, and for an at_seq after the
// last.
CliResult<JobState> FoldUpTo(EventSequence& events, const JobMoment& moment);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_JOB_MOMENT_H_
