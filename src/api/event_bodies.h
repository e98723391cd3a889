// The media types in which events come in, each with its decoder: the only list of them.
#ifndef STAGELOG_API_EVENT_BODIES_H_
#define STAGELOG_API_EVENT_BODIES_H_

#include <tl/expected.hpp>

#include "core/draft_decoder.h"
#include "core/refusal.h"
#include "http/call.h"
#include "http/route_table.h"

namespace stagelog {

// What the routes of appends take: the types below, and any type as the data of a CloudEvent whose
// attributes are fields of the head ("binary mode").
BodyTypes EventBodyTypes();

// Decodes the body of a request by its media type. As DecodeJsonBody() and its like.
tl::expected<DecodedBody, Refusal> DecodeEvents(const Call& call, const DraftOrigin& origin);

}  // namespace stagelog

#endif  // STAGELOG_API_EVENT_BODIES_H_
