// Which keys of a payload are read, and how others are treated: a gate and its decisions accept
// only known keys; elsewhere the payload belongs to the client, and only keys that look like a
// misspelling are flagged.
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

// Validates a `payload` (valid and compact JSON object, or empty) that is to be appended. Refusals:
// duplicate_key for a known key given twice; unknown_key, with the nearest known one, for any other
// key of a gate_pause or of a decision that does not begin with "x-": a gate with a misspelled
// `approvers` could be approved by anyone, and a misspelled `choice` is no choice.
std::optional<Refusal> CheckPayloadKeys(EventType type, std::string_view payload);

// An unknown key that resembles a known key which is missing: `totl` for `total`, `Current`,
// `percentage`.
struct SuspectKey {
  std::string key;
  std::string_view meant;
};
std::optional<SuspectKey> FindSuspectKey(EventType type, std::string_view payload);

}  // namespace stagelog

#endif  // STAGELOG_CORE_PAYLOAD_KEYS_H_
