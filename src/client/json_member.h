// Access to members of an untrusted document: a member of the wrong type counts as missing.
#ifndef STAGELOG_CLIENT_JSON_MEMBER_H_
#define STAGELOG_CLIENT_JSON_MEMBER_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace stagelog::cli {

// Keeps the order in which keys came.
using Json = nlohmann::ordered_json;

// `text` as an object; an empty one if it is not an object.
Json ObjectOf(std::string_view text);

// The member's own value, else empty, `otherwise` or nothing.
std::string TextAt(const Json& object, const char* key);
int64_t IntegerAt(const Json& object, const char* key, int64_t otherwise = 0);
std::optional<double> FigureAt(const Json& object, const char* key);
// An object or an array, else an empty object.
const Json& PartAt(const Json& object, const char* key);
// An RFC 3339 time as microseconds since 1970.
std::optional<int64_t> TimeAt(const Json& object, const char* key);

// When a stored event happened, as the state counts it (core/event.h, EffectiveMicros).
std::optional<int64_t> HappenedAt(const Json& event);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_JSON_MEMBER_H_
