// Schedules the events of a replay.
#ifndef STAGELOG_CLI_OFFLINE_RHYTHM_H_
#define STAGELOG_CLI_OFFLINE_RHYTHM_H_

#include <cstdint>
#include <optional>
#include <string>

#include "client/exit_code.h"

namespace stagelog::cli {

struct Tempo {
  double speed = 1;                         // times as fast as the run was; 0: without any pause
  std::optional<int64_t> max_pause_micros;  // the longest pause between two events
};

// "10", "0.5" or "max"; `max_wait` in seconds, empty where there is no bound.
CliResult<Tempo> ParseTempo(const std::string& speed, const std::string& max_wait);

// Turns the times of a run into times of this machine. The pauses do not add up to a drift.
class Rhythm {
 public:
  explicit Rhythm(Tempo tempo) : tempo_(tempo) {}

  // When the next event is due, on the clock of `now_micros`; the first one is due at once. After a
  // long delay (a stopped terminal) the replay continues from that point: missed pauses are not
  // made up by hurrying.
  int64_t NextDueMicros(int64_t event_micros, int64_t now_micros);

 private:
  const Tempo tempo_;
  std::optional<int64_t> last_event_micros_;
  int64_t due_micros_ = 0;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_RHYTHM_H_
