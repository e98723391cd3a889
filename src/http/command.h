// Commands as events: what the end points that tell a job to do something share.
#ifndef STAGELOG_HTTP_COMMAND_H_
#define STAGELOG_HTTP_COMMAND_H_

#include <initializer_list>
#include <string>
#include <string_view>

#include "http/api.h"

namespace stagelog {

// The event of `type` that a request stands for. Its body is empty or an object with some of
// `keys`; `comment` and `choice` go into the payload (`via` is "api" there), the others are keys of
// the event.
tl::expected<EventDraft, Refusal> DraftOfCommand(const Call& call, const std::string& type,
                                                 const std::string& job_id, const std::string& gate,
                                                 std::initializer_list<std::string_view> keys);

// Appends it and answers as an append does.
void AppendCommand(const ApiServices& services, EventDraft draft, Precondition precondition,
                   const Responder& responder);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_COMMAND_H_
