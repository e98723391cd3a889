// Commands as events: the shared code of endpoints that send a command to a job.
#ifndef STAGELOG_API_COMMAND_H_
#define STAGELOG_API_COMMAND_H_

#include <span>
#include <string>
#include <string_view>

#include "api/api.h"

namespace stagelog {

// The event of `type` for a request. Its body is empty or an object with some of `keys`. A person's
// text is given as `comment` or `message`: it becomes the event's message, and for a gate also
// `comment` in the payload, as `choice` and `answers` do (`via` is "api" there).
tl::expected<EventDraft, Refusal> DraftOfCommand(const Call& call, const std::string& type,
                                                 const std::string& job_id, const std::string& gate,
                                                 std::span<const std::string_view> keys);

// Appends it and answers as an append does; `location` is the path of what it has changed.
void AppendCommand(const ApiServices& services, EventDraft draft, Precondition precondition,
                   const std::string& location, const Responder& responder);

}  // namespace stagelog

#endif  // STAGELOG_API_COMMAND_H_
