#include "api/event_bodies.h"

#include <array>
#include <string>
#include <string_view>

#include "core/dialect/cloud_event_decoder.h"
#include "http/media_type.h"

namespace stagelog {
namespace {

struct EventBodyType {
  std::string_view name;
  tl::expected<DecodedBody, Refusal> (*decode)(std::string_view body, const DraftOrigin& origin);
};

constexpr std::array<EventBodyType, 4> kTypes = {{
    {kJsonType, &DecodeJsonBody},
    {kNdjsonType, &DecodeNdjsonBody},
    {kCloudEventType, &DecodeCloudEventBody},
    {kCloudEventBatchType, &DecodeCloudEventBatch},
}};

}  // namespace

BodyTypes EventBodyTypes() {
  BodyTypes types{.names = {}, .any_beside_fields = kCloudEventFieldPrefix};
  for (const EventBodyType& type : kTypes) types.names.push_back(type.name);
  return types;
}

// A body that says itself that it is a CloudEvent is one, whatever fields of the head say (HTTP
// binding, section 3.1).
tl::expected<DecodedBody, Refusal> DecodeEvents(const Call& call, const DraftOrigin& origin) {
  const std::string_view content_type = call.Header("Content-Type").value_or("");
  const std::string type = ParseMediaType(content_type).type;
  const std::string_view body = call.request.body;
  const bool is_structured = type == kCloudEventType || type == kCloudEventBatchType;
  if (!is_structured && IsBinaryCloudEvent(call.fields)) {
    return DecodeBinaryCloudEvent(call.fields, content_type, body, origin);
  }
  for (const EventBodyType& candidate : kTypes) {
    if (candidate.name == type) return candidate.decode(body, origin);
  }
  return DecodeJsonBody(body, origin);
}

}  // namespace stagelog
