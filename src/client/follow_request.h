// Which events to follow, and the API targets that return them.
#ifndef STAGELOG_CLIENT_FOLLOW_REQUEST_H_
#define STAGELOG_CLIENT_FOLLOW_REQUEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stagelog::cli {

struct FollowRequest {
  std::string job_id;  // empty: all jobs
  // Where to start: the exact cursor; else the time, duration, "all" or "now" as the daemon reads
  // `since=`; else a job's first event, and of all jobs now.
  std::optional<int64_t> after;
  std::string since;
  // `type`, `stage`, `level`, `job`, `q` with their values.
  std::vector<std::pair<std::string, std::string>> filters;
  bool until_terminal = false;  // ends when the job does; wants a job_id
  // It has just answered: if it does not at the start, it is waited for.
  bool daemon_was_there = false;
  // A stream without a byte for so long is considered dead; heartbeats come every 5 seconds.
  int silence_seconds = 12;
};

// Target of a poll from the request's own start.
std::string FirstPollTarget(const FollowRequest& request, int limit);
// Target of a poll after a cursor.
std::string PollTarget(const FollowRequest& request, int64_t cursor, int limit, int wait_seconds);
// Target of the stream after a cursor; `journal_id` (empty: not known yet) is whose cursor it is.
std::string StreamTarget(const FollowRequest& request, int64_t cursor,
                         const std::string& journal_id);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_FOLLOW_REQUEST_H_
