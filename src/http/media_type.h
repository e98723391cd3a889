// Headers that say how a body is encoded (RFC 9110, sections 8.3 and 12.5.1).
#ifndef STAGELOG_HTTP_MEDIA_TYPE_H_
#define STAGELOG_HTTP_MEDIA_TYPE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stagelog {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kNdjsonType = "application/x-ndjson";

// "Application/JSON; charset=\"UTF-8\"".
struct MediaType {
  std::string type;  // in lower case, without its parameters; empty when there is none
  // Names in lower case, values without their quotes, in the order given. A parameter that has no
  // "=" has an empty value.
  std::vector<std::pair<std::string, std::string>> parameters;
};

// Understands as much as there is of it. Pure.
MediaType ParseMediaType(std::string_view field);

// The first parameter that says that the text is in another encoding than UTF-8. Pure.
std::optional<std::string> OtherCharset(const MediaType& media_type);

// Whether an Accept field prefers NDJSON to JSON: it names it, with a weight other than 0 and not
// below JSON's. What cannot be met is passed over (RFC 9110, section 12.5.1). Pure.
bool PrefersNdjson(std::string_view accept);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_MEDIA_TYPE_H_
