// Parses the answer to a poll, keeping the original bytes of each event.
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
