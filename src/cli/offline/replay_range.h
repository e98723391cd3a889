// The part of a run to replay.
#ifndef STAGELOG_CLI_OFFLINE_REPLAY_RANGE_H_
#define STAGELOG_CLI_OFFLINE_REPLAY_RANGE_H_

#include <cstdint>
#include <string>

#include "client/exit_code.h"

namespace stagelog::cli {

// A time of the run (when things happened), or a distance from the job's first event.
struct ReplayBound {
  int64_t micros = 0;
  bool from_start = false;

  int64_t At(int64_t first_micros) const { return from_start ? first_micros + micros : micros; }
};

// Both ends belong to it.
struct ReplayRange {
  ReplayBound from{0, true};
  ReplayBound to{INT64_MAX, false};
};

// A time (time_argument.h), or a duration from the first event ("90s", "1h30m"); empty text stands
// for a flag that was not given.
CliResult<ReplayRange> ParseReplayRange(const std::string& from, const std::string& to);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_REPLAY_RANGE_H_
