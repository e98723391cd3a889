// A time zone for times that name none.
#ifndef STAGELOG_CLI_SEND_LOCAL_ZONE_H_
#define STAGELOG_CLI_SEND_LOCAL_ZONE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "client/exit_code.h"

namespace stagelog::cli {

// One thread at a time; and while it works, no other thread may read TZ or the local time.
class LocalZone {
 public:
  // An offset ("+01:00", "-0530", "UTC"), or a name of the system's database ("Europe/Prague").
  // kUsage for anything else.
  static CliResult<LocalZone> Make(const std::string& text);

  // Unix time in microseconds of a date and time of day in the zone, which `local_micros` is as if
  // it were of UTC. An hour that comes twice, when clocks are put back, is the first of both; one
  // that is left out has the offset before it.
  int64_t ToUtc(int64_t local_micros);

 private:
  LocalZone() = default;
  int64_t OffsetAt(int64_t local_seconds) const;

  std::string name_;  // empty: the offset is fixed
  int64_t offset_seconds_ = 0;
  std::optional<int64_t> quarter_;  // of an hour, for which the offset holds
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_LOCAL_ZONE_H_
