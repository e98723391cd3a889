// An event as it stands in the spool and as it is sent: one line of JSON.
#ifndef STAGELOG_CLIENT_SPOOL_EVENT_H_
#define STAGELOG_CLIENT_SPOOL_EVENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stagelog::cli {

struct SpoolEvent {
  std::string line;     // without a newline
  bool is_log = false;  // may be dropped when there is no room; a lifecycle event may not
};
using SpoolEvents = std::vector<SpoolEvent>;

// What an event says. Texts are UTF-8; empty text stands for "left out".
struct EventText {
  std::string_view type;
  std::string_view stage;
  std::string_view message;
  std::string_view payload;  // a compact JSON object
};

// With a new event_id (so that it may be sent any number of times) and `now_micros` (since 1970) as
// the time of occurrence. `run_id` as of run_id.h; may be empty.
SpoolEvent MakeSpoolEvent(std::string_view job_id, const EventText& text, int64_t now_micros,
                          std::string_view run_id = "");

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SPOOL_EVENT_H_
