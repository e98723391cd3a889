#include "core/gate_rules.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/timestamp.h"
#include "core/event.h"
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

const GateState* Pending(const JobState* job, const std::string& gate) {
  const GateState* last = job == nullptr ? nullptr : job->FindGate(gate);
  return last != nullptr && last->status == GateStatus::kPending ? last : nullptr;
}

std::optional<Refusal> OpenerRefusal(const GateState& gate, const std::string& actor) {
  if (gate.allow_self || gate.opened_by.empty() || gate.opened_by != actor) return std::nullopt;
  return Refusal{.code = "forbidden",
                 .detail = "gate '" + gate.name + "' was opened by '" + actor +
                           "', who may not decide it ('allow_self' is false)",
                 .field = "gate"};
}

BrokenGateRule TimerOnly(const GateState& gate) {
  return {"timer_only",
          {.code = "forbidden",
           .detail = "gate '" + gate.name +
                     "' requires approvals by people; only its timer may approve it automatically",
           .field = "gate"}};
}

BrokenGateRule AlreadyApproved(const GateState& gate, const std::string& actor) {
  return {"already_approved",
          {.code = "already_approved",
           .detail = "'" + actor + "' has approved gate '" + gate.name + "' already; it has " +
                     std::to_string(gate.approvals.size()) + " of the " +
                     std::to_string(gate.required) + " approvals it requires",
           .field = "gate"}};
}

std::optional<BrokenGateRule> CheckChoice(const GateState& gate, bool is_required,
                                          const std::string& choice) {
  if (gate.options.empty() || (choice.empty() && !is_required)) return std::nullopt;
  if (choice.empty()) {
    return BrokenGateRule{"choice_required",
                          {.code = "choice_required",
                           .detail = "gate '" + gate.name +
                                     "' offers options; 'choice' must be one of " + gate.options,
                           .field = "choice"}};
  }
  const auto options = ParseJson(gate.options);
  if (std::find(options.begin(), options.end(), choice) != options.end()) return std::nullopt;
  return BrokenGateRule{"choice_unknown",
                        {.code = "invalid_field",
                         .detail = "gate '" + gate.name +
                                   "' has no such option; 'choice' must be one of " + gate.options,
                         .field = "choice"}};
}

BrokenGateRule AnswersDiffer(const GateState& gate, const std::string& field) {
  return {"answers_differ",
          {.code = "answers_differ",
           .detail = "'" + field + "' differs from what '" + gate.approvals.front().actor +
                     "' has approved; omit it or repeat that, or reject the gate",
           .field = field}};
}

// Several people approve one and the same thing.
std::optional<BrokenGateRule> CheckAgreement(const GateState& gate, const DecisionPayload& payload,
                                             const std::vector<GateField>& fields) {
  if (!payload.choice.empty() && payload.choice != gate.choice) {
    return AnswersDiffer(gate, "choice");
  }
  const std::string answers = NormalAnswers(fields, payload.answers);
  if (answers.empty()) return std::nullopt;
  const auto standing = ParseJson(gate.answers.empty() ? "{}" : gate.answers);
  const auto given = ParseJson(answers);
  for (const auto& answer : given.items()) {
    const auto found = standing.find(answer.key());
    if (found != standing.end() && *found == answer.value()) continue;
    return AnswersDiffer(gate, "answers." + answer.key());
  }
  return std::nullopt;
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

std::optional<Refusal> CheckNotOpener(const JobState* job, const std::string& gate,
                                      const std::string& actor) {
  const GateState* last = Pending(job, gate);
  return last == nullptr ? std::nullopt : OpenerRefusal(*last, actor);
}

std::optional<Refusal> CheckApprover(const JobState* job, const std::string& gate,
                                     const std::string& actor) {
  const GateState* last = Pending(job, gate);
  if (last == nullptr) return std::nullopt;
  if (auto refusal = CheckApproverList(last->approvers, gate, actor)) return refusal;
  return OpenerRefusal(*last, actor);
}

std::optional<BrokenGateRule> FindBrokenRule(const GateState& gate, EventType decision,
                                             const DecisionPayload& payload,
                                             const std::string& actor) {
  if (actor == kOwnActor) return std::nullopt;
  if (auto refusal = OpenerRefusal(gate, actor)) return BrokenGateRule{"self_decision", *refusal};
  const bool is_approval = decision == EventType::kGateApproved;
  if (decision == EventType::kGateAutoApproved && gate.NeedsPeople()) return TimerOnly(gate);
  if (is_approval && gate.IsApprovedBy(actor)) return AlreadyApproved(gate, actor);
  const bool is_first = gate.approvals.empty();
  if (auto broken = CheckChoice(gate, is_approval && is_first, payload.choice)) return broken;
  const auto fields = DecodeGateFields(gate.fields);
  if (auto problem = CheckAnswers(fields, payload.answers, is_approval && is_first)) {
    return BrokenGateRule{problem->violation, std::move(problem->refusal)};
  }
  if (is_approval && !is_first) return CheckAgreement(gate, payload, fields);
  return std::nullopt;
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
  return is_admin ? CheckNotOpener(job, gate, actor) : CheckApprover(job, gate, actor);
}

}  // namespace stagelog
