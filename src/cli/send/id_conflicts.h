// Detects ids used for two different events within one input, without a daemon.
#ifndef STAGELOG_CLI_SEND_ID_CONFLICTS_H_
#define STAGELOG_CLI_SEND_ID_CONFLICTS_H_

#include <string>
#include <string_view>
#include <unordered_map>

#include "client/exit_code.h"

namespace stagelog::cli {

// Remembers digests, about 100 bytes an event. One thread at a time.
class IdConflicts {
 public:
  // kRefused, like the daemon, if the job of `event` (JSON) already had an event with that id and
  // different content (SameContent() in core/event.h: times are ignored).
  CliStatus Add(std::string_view event);

 private:
  std::unordered_map<std::string, std::string> contents_;  // digests, by job and id
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_SEND_ID_CONFLICTS_H_
