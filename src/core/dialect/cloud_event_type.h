// Types of CloudEvents 1.0.2 and ours, in both directions. The rules: src/api/README.md,
// "CloudEvents".
#ifndef STAGELOG_CORE_DIALECT_CLOUD_EVENT_TYPE_H_
#define STAGELOG_CORE_DIALECT_CLOUD_EVENT_TYPE_H_

#include <string>
#include <string_view>

namespace stagelog {

// What the types of our own CloudEvents begin with.
inline constexpr std::string_view kOwnTypePrefix = "dev.stagelog.";

// "stage_completed" for "dev.stagelog.stage.completed.v1", "com.example.stage-completed" and
// "stage_completed": a prefix of domains and a version may be there or not. Another type with a
// prefix becomes one of the user's own: "x-com.github.push". What has no prefix, or ours, and is
// unknown stays as it is, for the decoder to refuse. A foreign "heartbeat" is no sign of life of
// ours.
std::string TypeOfCloudEvent(std::string_view type);

// One of the user's own for a foreign type: "x-com.github.push".
std::string CustomTypeOf(std::string_view type);

// A type has a prefix of domains, and it is not ours.
bool TypeHasForeignPrefix(std::string_view type);

// "dev.stagelog.stage.completed.v1" for "stage_completed".
std::string CloudEventTypeOf(std::string_view type);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_CLOUD_EVENT_TYPE_H_
