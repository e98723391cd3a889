// Commands as events: what the end points that tell a job to do something share.
#ifndef STAGELOG_API_COMMAND_H_
#define STAGELOG_API_COMMAND_H_

#include <span>
#include <string>
#include <string_view>

#include "api/api.h"

namespace stagelog {

// The event of `type` that a request stands for. Its body is empty or an object with some of
// `keys`. What a person says is taken as `comment` and as `message`: it becomes the event's
// message, and for a gate the payload's `comment` too, as `choice` does (`via` is "api" there).
tl::expected<EventDraft, Refusal> DraftOfCommand(const Call& call, const std::string& type,
                                                 const std::string& job_id, const std::string& gate,
                                                 std::span<const std::string_view> keys);

// Appends it and answers as an append does; `location` is the path of what it has changed.
void AppendCommand(const ApiServices& services, EventDraft draft, Precondition precondition,
                   const std::string& location, const Responder& responder);

}  // namespace stagelog

#endif  // STAGELOG_API_COMMAND_H_
