// Parses the flagged events in the answer to an append.
#ifndef STAGELOG_CLIENT_RECEIPT_H_
#define STAGELOG_CLIENT_RECEIPT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/json_member.h"

namespace stagelog::cli {

// One event that was stored with violations.
struct FlaggedEvent {
  int64_t line = 0;   // in the request, from 1; 0 in the answer to a single event
  std::string place;  // "render-42#5"
  std::vector<std::string> violations;
};

struct Receipt {
  int64_t flagged = 0;               // of how many events that is so
  std::vector<FlaggedEvent> events;  // perhaps not all of them
};

// What the body of a daemon's 2xx to an append has. The 200 of a server that stands in the daemon's
// place says nothing of events.
inline constexpr const char* kReceiptKey = "durable";

// `answer` is such a body; `job_id` is for the answer to a single event, which omits it.
Receipt ReadReceipt(const Json& answer, const std::string& job_id);

// One line for people: the violations and their effect. `event` is the JSON that was sent, or empty
// if not available.
std::string FlagText(const FlaggedEvent& flagged, std::string_view event);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_RECEIPT_H_
