// The data of a CloudEvent, and what of it becomes a message and a payload.
#ifndef STAGELOG_CORE_DIALECT_CLOUD_EVENT_DATA_H_
#define STAGELOG_CORE_DIALECT_CLOUD_EVENT_DATA_H_

#include <optional>
#include <string>
#include <string_view>

#include "core/json_object_reader.h"
#include "core/refusal.h"

namespace stagelog {

// The key of a payload that keeps the attributes for which events of ours have no place.
inline constexpr std::string_view kForeignAttributesKey = "x-cloudevent";

struct CloudEventData {
  enum class Kind { kNone, kJson, kText, kBytes };
  Kind kind = Kind::kNone;
  JsonMember json;    // for kJson
  std::string bytes;  // for kText and kBytes
};

// "application/json", "text/json" and "...+json", whatever their parameters.
bool IsJsonType(std::string_view content_type);

// Bytes by what their type says they are; what is said to be JSON and is none stays bytes.
CloudEventData CloudEventDataOf(std::string bytes, std::string_view content_type);

// Why a text is no JSON value; no value where it is one.
std::optional<Refusal> JsonProblem(std::string_view json);

struct LiftedData {
  std::string message;
  std::string payload;                  // an object that is not closed; empty: none
  bool has_foreign_attributes = false;  // the data has a member of kForeignAttributesKey
};

// Of an object a text `message` is taken out, and the rest is the payload; a text is the message.
LiftedData LiftData(const CloudEventData& data);

// Data of ours whose message and payload stand apart.
LiftedData SplitData(const CloudEventData& data);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_CLOUD_EVENT_DATA_H_
