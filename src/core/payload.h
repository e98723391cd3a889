// The keys of `payload` that the state machine reads, by event type. All other keys are the
// client's own.
#ifndef STAGELOG_CORE_PAYLOAD_H_
#define STAGELOG_CORE_PAYLOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/gate_fields.h"
#include "core/labels.h"
#include "core/refusal.h"
#include "core/vocabulary.h"

namespace stagelog {

inline constexpr int64_t kMaxGateTimeoutSeconds = 31'536'000;  // a year
inline constexpr size_t kMaxDeclaredStages = 10'000;
inline constexpr size_t kMaxGateOptions = 64;
inline constexpr size_t kMaxApprovers = 64;
inline constexpr int64_t kMaxRequiredApprovals = 64;
inline constexpr int64_t kMaxHeartbeatSeconds = 3'600;

// job_created
struct JobPayload {
  std::string pipeline;
  std::vector<std::string> stages;  // paths of stages that will come
  bool strict = false;
  Labels labels;
};

// job_resumed
struct ResumePayload {
  bool new_epoch = false;  // another worker begins, whatever the job is doing
};

// stage_progress. Figures are not negative.
struct ProgressPayload {
  std::optional<double> current;
  std::optional<double> total;
  std::optional<double> percent;  // 0 to 100
  std::string unit;
  // False: a figure is no number or out of its bounds, the unit is no text, or one of them is given
  // twice.
  bool is_valid = true;
};

// gate_pause
struct GatePayload {
  std::string prompt;
  std::string options;  // a JSON array of strings; empty when there is none
  std::optional<int64_t> timeout_seconds;
  std::string on_timeout;  // approve, reject or expire; empty without a timeout
  std::vector<std::string> approvers;
  int64_t required = 1;           // approvals by different actors that decide it
  bool allow_self = true;         // who opens it may decide it
  std::vector<GateField> fields;  // to be answered by who approves it
};

// gate_approved, gate_rejected, gate_auto_approved, gate_expired
struct DecisionPayload {
  std::string comment;
  std::string choice;
  std::string via;
  std::string answers;  // a JSON object as it was sent; empty when there is none
};

// heartbeat
struct HeartbeatPayload {
  int64_t interval_micros = 0;  // until the next one; 0: not declared
};

// Total: what is not there, or not of its type, is left at its default. `payload` is a JSON object
// or empty.
JobPayload ReadJobPayload(std::string_view payload);
ResumePayload ReadResumePayload(std::string_view payload);
ProgressPayload ReadProgressPayload(std::string_view payload);
GatePayload ReadGatePayload(std::string_view payload);
DecisionPayload ReadDecisionPayload(std::string_view payload);
HeartbeatPayload ReadHeartbeatPayload(std::string_view payload);

// What keeps a gate that `actor` opens from ever being approved by its own approvers: where who
// opens it may not decide it, the others must be as many as it requires.
std::optional<Refusal> CheckOpener(const GatePayload& gate, const std::string& actor);

// Validates the payload of an event that is to be appended (invalid_field; unknown_key and
// duplicate_key by CheckPayloadKeys()); none for types that read nothing. Progress is never
// refused: the state machine flags it. `was_stored`: a journal accepted this line before, perhaps
// by the rules of an earlier version, so keys are not checked again.
std::optional<Refusal> CheckEventPayload(EventType type, std::string_view payload,
                                         bool was_stored = false);

}  // namespace stagelog

#endif  // STAGELOG_CORE_PAYLOAD_H_
