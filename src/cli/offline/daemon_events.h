// A job's events, polled from a daemon.
#ifndef STAGELOG_CLI_OFFLINE_DAEMON_EVENTS_H_
#define STAGELOG_CLI_OFFLINE_DAEMON_EVENTS_H_

#include <deque>
#include <string>

#include "cli/offline/event_sequence.h"
#include "client/daemon_client.h"

namespace stagelog::cli {

// Pages by `after`, oldest first, one page in memory; ends with the last event there is when the
// last page is read. The daemon vouches for the chain.
class DaemonEvents : public EventSequence {
 public:
  DaemonEvents(const Settings& settings, const std::string& job_id)
      : client_(settings),
        job_id_(job_id),
        target_(JobTarget(job_id) + "/events?limit=1000&after=") {}

  CliResult<std::optional<StoredEvent>> Next() override;

 private:
  CliStatus ReadPage();

  DaemonClient client_;
  const std::string job_id_;
  const std::string target_;
  int64_t after_ = 0;
  bool has_more_ = true;
  std::deque<StoredEvent> page_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_DAEMON_EVENTS_H_
