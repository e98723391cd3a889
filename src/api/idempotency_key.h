// The field Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): a retry names the
// request that it repeats.
#ifndef STAGELOG_API_IDEMPOTENCY_KEY_H_
#define STAGELOG_API_IDEMPOTENCY_KEY_H_

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "core/draft_decoder.h"
#include "core/refusal.h"
#include "http/call.h"

namespace stagelog {

// The key of a request, without its quotes; no value where it has none. Refusals: invalid_id for
// what could be no event_id, duplicate_key for several.
tl::expected<std::optional<std::string>, Refusal> ReadIdempotencyKey(const Call& call);

// Gives ids to the events that have none: to a single one the key itself, to those of a batch one
// that is made of the key and the event's place in it. The same request has the same ids.
void ApplyIdempotencyKey(const std::string& key, DecodedBody& decoded);

}  // namespace stagelog

#endif  // STAGELOG_API_IDEMPOTENCY_KEY_H_
