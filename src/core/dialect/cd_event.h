// CDEvents 0.6 (https://cdevents.dev), which are the data of CloudEvents, as events of ours. The
// rules: src/api/README.md, "CDEvents".
#ifndef STAGELOG_CORE_DIALECT_CD_EVENT_H_
#define STAGELOG_CORE_DIALECT_CD_EVENT_H_

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "core/json_object_reader.h"
#include "core/refusal.h"

namespace stagelog {

inline constexpr std::string_view kCdEventPrefix = "dev.cdevents.";
// The type of an `approval.updated` here. It does not decide the gate.
inline constexpr std::string_view kApprovalUpdatedType = "x-cdevents.approval.updated";

// What a CDEvent says, in our words. Empty text stands for "left out".
struct CdEvent {
  std::string type;
  std::string job;  // empty: the source of the CloudEvent names it
  std::string stage;
  std::string gate;
  std::string status;
  std::string message;
  std::string pipeline;
};

// Reads the data of a CloudEvent of the type `type`. No value for a CDEvent of a kind that has no
// equivalent here, and for what is none. Refusals: missing_field and invalid_field of the members
// that an equivalent takes.
tl::expected<std::optional<CdEvent>, Refusal> ReadCdEvent(std::string_view type,
                                                          const JsonMember& data);

}  // namespace stagelog

#endif  // STAGELOG_CORE_DIALECT_CD_EVENT_H_
