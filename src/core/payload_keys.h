// Which keys of a payload are read, and what becomes of others: a gate takes none that it does not
// know; elsewhere the payload is the emitter's own, and only a key that looks like a slip of the
// pen is pointed out.
#ifndef STAGELOG_CORE_PAYLOAD_KEYS_H_
#define STAGELOG_CORE_PAYLOAD_KEYS_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/refusal.h"
#include "core/vocabulary.h"

namespace stagelog {

// The keys that are read in the payload of a type; empty for types of which none is.
std::span<const std::string_view> PayloadKeys(EventType type);

// True for a key that some type of event has in its payload and that is no key of an event.
bool BelongsInPayload(std::string_view key);

// A key by itself, its escapes resolved. `key` is what stands between the quotes.
std::string PayloadKey(std::string_view key);

// For a `payload` (valid and compact JSON object, or empty) that is to be appended. Refusals:
// duplicate_key for a key that is read and given twice; unknown_key, with the nearest known one,
// for any key of a gate_pause that is not read and does not begin with "x-". A gate that lacks its
// `approvers` because they are spelled otherwise could be approved by anybody.
std::optional<Refusal> JudgePayloadKeys(EventType type, std::string_view payload);

// A key that is not read but is spelled nearly like one that is and that is not given: `totl` for
// `total`, `Current`, `percentage`.
struct SuspectKey {
  std::string key;
  std::string_view meant;
};
std::optional<SuspectKey> FindSuspectKey(EventType type, std::string_view payload);

}  // namespace stagelog

#endif  // STAGELOG_CORE_PAYLOAD_KEYS_H_
