// Headers that say how a body is encoded (RFC 9110, sections 8.3 and 12.5.1).
#ifndef STAGELOG_HTTP_MEDIA_TYPE_H_
#define STAGELOG_HTTP_MEDIA_TYPE_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stagelog {

inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kNdjsonType = "application/x-ndjson";
inline constexpr std::string_view kCloudEventType = "application/cloudevents+json";
inline constexpr std::string_view kCloudEventBatchType = "application/cloudevents-batch+json";

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

// The weight that a list like that of Accept or Accept-Encoding gives `name` (in lower case; RFC
// 9110, section 12.4.2): from 0 to 1, no value where it is not named. Pure.
std::optional<double> WeightIn(std::string_view list, std::string_view name);

// The one of `offers` that an Accept field prefers to JSON: it is named, with a weight other than 0
// and not below JSON's; the first of equals. JSON where there is none, for what cannot be met is
// passed over (RFC 9110, section 12.5.1). Pure.
std::string_view PreferredType(std::string_view accept, std::span<const std::string_view> offers);

}  // namespace stagelog

#endif  // STAGELOG_HTTP_MEDIA_TYPE_H_
