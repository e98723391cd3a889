#include "core/gate_rules.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/timestamp.h"
#include "core/job_state_json.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

// Shows the decision that stands.
Refusal GateDecided(const std::string& job_id, const GateState& gate) {
  Refusal refusal{.code = "gate_decided",
                  .detail = "gate '" + gate.name + "' was already " +
                            std::string(StatusName(gate.status)) + " at " +
                            FormatTimestamp(gate.decided_micros),
                  .field = "gate",
                  .members = {{"gate", EncodeGateIteration(job_id, gate)}}};
  if (!gate.decided_by.empty()) refusal.detail += ", by '" + gate.decided_by + "'";
  return refusal;
}

}  // namespace

std::optional<Refusal> CheckApproverList(const std::vector<std::string>& approvers,
                                         const std::string& gate, const std::string& actor) {
  if (approvers.empty()) return std::nullopt;
  if (std::find(approvers.begin(), approvers.end(), actor) != approvers.end()) return std::nullopt;
  std::string names;
  for (const std::string& name : approvers) names += (names.empty() ? "'" : ", '") + name + "'";
  return Refusal{.code = "forbidden",
                 .detail = "only the approvers of gate '" + gate + "' (" + names +
                           ") or the role 'admin' may decide it; token '" + actor + "' is neither",
                 .field = "gate"};
}

std::optional<Refusal> CheckApprover(const JobState* job, const std::string& gate,
                                     const std::string& actor) {
  const GateState* last = job == nullptr ? nullptr : job->FindGate(gate);
  if (last == nullptr || last->status != GateStatus::kPending) return std::nullopt;
  return CheckApproverList(last->approvers, gate, actor);
}

std::optional<Refusal> CheckChoice(const GateState& gate, EventType decision,
                                   const std::string& choice) {
  if (gate.options.empty()) return std::nullopt;
  if (choice.empty()) {
    if (decision != EventType::kGateApproved) return std::nullopt;
    return Refusal{.code = "choice_required",
                   .detail = "gate '" + gate.name + "' offers options; 'choice' must be one of " +
                             gate.options,
                   .field = "choice"};
  }
  const auto options = ParseJson(gate.options);
  if (std::find(options.begin(), options.end(), choice) != options.end()) return std::nullopt;
  return Refusal{.code = "invalid_field",
                 .detail = "gate '" + gate.name + "' has no such option; 'choice' must be one of " +
                           gate.options,
                 .field = "choice"};
}

Refusal DeletedJob(const std::string& job_id) {
  return {.code = "job_deleted",
          .detail = "job '" + job_id + "' was permanently deleted; its id cannot be reused",
          .field = "job_id"};
}

Refusal UnknownJob(const std::string& job_id) {
  return {.code = "unknown_job", .detail = "there is no job '" + job_id + "'"};
}

Refusal UnknownGate(const std::string& job_id, const std::string& gate) {
  return {.code = "unknown_gate",
          .detail = "job '" + job_id + "' has no gate '" + gate + "'",
          .field = "gate"};
}

std::optional<Refusal> CheckDecision(const JobState* job, const std::string& job_id,
                                     const std::string& gate, const std::string& actor,
                                     bool is_admin) {
  if (job == nullptr) return UnknownJob(job_id);
  const GateState* last = job->FindGate(gate);
  if (last == nullptr) return UnknownGate(job_id, gate);
  if (last->status != GateStatus::kPending) return GateDecided(job_id, *last);
  return is_admin ? std::nullopt : CheckApprover(job, gate, actor);
}

}  // namespace stagelog
