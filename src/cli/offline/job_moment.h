// A job as it was: the fold of its events up to a moment, as the daemon answers `at_seq=` and
// `at=`.
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

// The state after the last event that is not later than the moment. Reads no further than it must:
// what is behind the moment is not judged. kUsage for a moment before the first event, and for an
// at_seq beyond the last.
CliResult<JobState> FoldUpTo(EventSequence& events, const JobMoment& moment);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_JOB_MOMENT_H_
