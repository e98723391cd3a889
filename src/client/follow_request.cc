#include "client/follow_request.h"

#include "client/daemon_client.h"

namespace stagelog::cli {
namespace {

std::string EventsTarget(const FollowRequest& request) {
  return (request.job_id.empty() ? std::string("/api/v1") : JobTarget(request.job_id)) + "/events";
}

std::string FilterText(const FollowRequest& request) {
  std::string text;
  for (const auto& [name, value] : request.filters) {
    text += "&" + name + "=" + EscapeParameter(value);
  }
  return text;
}

}  // namespace

std::string FirstPollTarget(const FollowRequest& request, int limit) {
  const int64_t after = request.after.value_or(0);
  const bool is_from_first = !request.job_id.empty() && request.since.empty();
  if (request.after || is_from_first) return PollTarget(request, after, limit, 0);
  const std::string since = request.since.empty() ? "now" : request.since;
  return EventsTarget(request) + "?since=" + EscapeParameter(since) +
         "&limit=" + std::to_string(limit) + FilterText(request);
}

std::string PollTarget(const FollowRequest& request, int64_t cursor, int limit, int wait_seconds) {
  std::string target = EventsTarget(request) + "?after=" + std::to_string(cursor) +
                       "&limit=" + std::to_string(limit) + FilterText(request);
  if (wait_seconds > 0) target += "&wait=" + std::to_string(wait_seconds);
  return target;
}

std::string StreamTarget(const FollowRequest& request, int64_t cursor,
                         const std::string& journal_id) {
  // The cursor also goes in the head; a proxy that takes that away does no harm.
  std::string target =
      EventsTarget(request) + "/stream?after=" + std::to_string(cursor) + FilterText(request);
  if (!journal_id.empty()) target += "&journal=" + EscapeParameter(journal_id);
  if (request.until_terminal) target += "&until=terminal";
  return target;
}

}  // namespace stagelog::cli
