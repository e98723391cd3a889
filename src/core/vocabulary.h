// The types of event and what each implies: the table of types in src/api/README.md, in code once.
#ifndef STAGELOG_CORE_VOCABULARY_H_
#define STAGELOG_CORE_VOCABULARY_H_

#include <span>
#include <string_view>

namespace stagelog {

enum class EventType {
  kJobCreated,
  kJobStarted,
  kJobResumed,
  kJobCompleted,
  kJobFailed,
  kJobCanceled,
  kStageStarted,
  kStageProgress,
  kStageCompleted,
  kStageFailed,
  kGatePause,
  kGateApproved,
  kGateRejected,
  kGateAutoApproved,
  kGateExpired,
  kLog,
  kHeartbeat,
  kCustom,  // x-...: the user's own
};

// One row of the table. `status` and `level` are what an event of the type carries when its emitter
// sends none; empty stands for "left out".
struct TypeTraits {
  EventType type;
  std::string_view name;
  std::string_view status;
  std::string_view level;
  bool needs_stage = false;
  bool needs_gate = false;
  bool needs_message = false;
  bool is_gate_decision = false;  // takes the role `approver`
};

// All rows but the user's own types.
std::span<const TypeTraits> AllTypes();

// The row of `name`, or of the user's own types for a well-formed `x-...`; null for an unknown
// name.
const TypeTraits* FindType(std::string_view name);

// The known name nearest to an unknown one.
std::string_view NearestTypeName(std::string_view name);

// The levels an event may carry, least severe first.
std::span<const std::string_view> AllLevels();
bool IsLevel(std::string_view name);

}  // namespace stagelog

#endif  // STAGELOG_CORE_VOCABULARY_H_
