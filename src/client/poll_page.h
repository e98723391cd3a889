// The answer to a poll, with each event's bytes as the journal has them.
#ifndef STAGELOG_CLIENT_POLL_PAGE_H_
#define STAGELOG_CLIENT_POLL_PAGE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stagelog::cli {

struct PollPage {
  std::vector<std::string> events;
  int64_t next_after = 0;
  bool has_more = false;
};

// No value when `body` is no such answer.
std::optional<PollPage> ParsePollPage(const std::string& body);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_POLL_PAGE_H_
