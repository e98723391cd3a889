#include "core/precondition.h"

#include <map>
#include <string_view>
#include <utility>

#include "core/gate_rules.h"
#include "core/job_machine.h"
#include "core/payload.h"
#include "core/vocabulary.h"

namespace stagelog {
namespace {

// Behind "job 'j' is completed": what that has to do with the command.
std::string Why(EventType command, const JobState& job) {
  const std::string reason = job.reason.empty() ? "" : " (" + job.reason + ")";
  if (command == EventType::kJobCanceled) return reason + " and cannot be canceled any more";
  if (job.PendingGate() != nullptr) return reason + "; decide the gate before resuming the job";
  return reason + "; only a paused or ended job can be resumed";
}

// Refuses a command where the state machine would flag its event.
std::optional<Refusal> CheckCommand(std::string_view type, const std::string& job_id,
                                    const JobLookup& find) {
  const JobState* job = find(job_id);
  if (job == nullptr) return UnknownJob(job_id);
  EventDraft command;
  command.kind = FindType(type)->type;
  command.job_id = job_id;
  command.type = type;
  const std::vector<std::string> violations = Judge(*job, command);
  if (violations.empty()) return std::nullopt;
  const std::string status(StatusName(job->status));
  return Refusal{.code = "illegal_transition",
                 .detail = "job '" + job_id + "' is " + status + Why(command.kind, *job),
                 .members = {{"job_status", '"' + status + '"'},
                             {"violation", '"' + violations.front() + '"'}}};
}

std::optional<Refusal> Check(const JobMustBeNew& value, const JobLookup& find) {
  if (find(value.job_id) == nullptr) return std::nullopt;
  return Refusal{.code = "job_exists",
                 .detail = "job '" + value.job_id + "' already exists",
                 .field = "job_id"};
}

std::optional<Refusal> Check(const MayCancelJob& value, const JobLookup& find) {
  return CheckCommand("job_canceled", value.job_id, find);
}

std::optional<Refusal> Check(const MayResumeJob& value, const JobLookup& find) {
  return CheckCommand("job_resumed", value.job_id, find);
}

std::optional<Refusal> Check(const MayDecideGate& value, const JobLookup& find) {
  const JobState* job = find(value.job_id);
  if (auto refusal = CheckDecision(job, value.job_id, value.gate, value.actor, value.is_admin)) {
    return refusal;
  }
  DecisionPayload payload{
      .comment = "", .choice = value.choice, .via = "", .answers = value.answers};
  auto broken = FindBrokenRule(*job->FindGate(value.gate), value.decision, payload, value.actor);
  if (!broken) return std::nullopt;
  return std::move(broken->refusal);
}

// Whom the gate names as its approvers does not bind a timer.
std::optional<Refusal> Check(const GateStillPending& value, const JobLookup& find) {
  const JobState* job = find(value.job_id);
  if (auto refusal = CheckDecision(job, value.job_id, value.gate, "", /*is_admin=*/true)) {
    return refusal;
  }
  if (job->FindGate(value.gate)->opened_seq == value.opened_seq) return std::nullopt;
  return Refusal{.code = "gate_decided",
                 .detail = "gate '" + value.gate + "' was decided and reopened",
                 .field = "gate"};
}

std::optional<Refusal> Check(const JobNotOver& value, const JobLookup& find) {
  const JobState* job = find(value.job_id);
  if (job == nullptr || !job->IsTerminal()) return std::nullopt;
  return Refusal{.code = "invalid_ticket",
                 .detail = "job '" + value.job_id + "' is " + std::string(StatusName(job->status)) +
                           ", and with it ended the ticket for its events",
                 .field = "Authorization"};
}

Refusal OpensAndDecides(const std::string& gate, const std::string& actor) {
  return {.code = "forbidden",
          .detail = "gate '" + gate + "' is opened by '" + actor +
                    "', who may not decide it ('allow_self' is false)",
          .field = "gate"};
}

// All lists count that the request gives a gate before the decision: which of them holds depends on
// how it is folded, and who is on each may decide in any case.
std::optional<Refusal> Check(const ApproversAllow& value, const JobLookup& find) {
  using Gate = std::pair<std::string_view, std::string_view>;  // with the job's id first
  std::map<Gate, Refusal> forbidden;  // by the first list without the actor
  auto opening = value.openings.begin();
  for (const ApproversAllow::Decision& decision : value.decisions) {
    for (; opening != value.openings.end() && opening->line < decision.line; ++opening) {
      const Gate gate(opening->job_id, opening->gate);
      if (forbidden.contains(gate)) continue;
      auto refusal = CheckApproverList(opening->approvers, opening->gate, value.actor);
      if (!refusal && !opening->allow_self) refusal = OpensAndDecides(opening->gate, value.actor);
      if (refusal) forbidden.emplace(gate, std::move(*refusal));
    }
    auto refusal = CheckApprover(find(decision.job_id), decision.gate, value.actor);
    if (!refusal) {
      const auto found = forbidden.find(Gate(decision.job_id, decision.gate));
      if (found == forbidden.end()) continue;
      refusal = std::move(found->second);
    }
    if (value.draft_count > 1) refusal->line = decision.line;
    return refusal;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> CheckPrecondition(const Precondition& precondition, const JobLookup& find) {
  return std::visit([&find](const auto& value) { return Check(value, find); }, precondition);
}

MayDecideGate MayDecide(const EventDraft& decision, bool is_admin) {
  const DecisionPayload payload = ReadDecisionPayload(decision.payload);
  return {.job_id = decision.job_id,
          .gate = decision.gate,
          .decision = decision.kind,
          .choice = payload.choice,
          .answers = payload.answers,
          .actor = decision.actor,
          .is_admin = is_admin};
}

std::optional<ApproversAllow> ApproversMustAllow(const std::vector<EventDraft>& drafts) {
  ApproversAllow value;
  for (size_t i = 0; i < drafts.size(); ++i) {
    const EventDraft& draft = drafts[i];
    const int64_t line = static_cast<int64_t>(i) + 1;
    if (draft.kind == EventType::kGatePause) {
      GatePayload payload = ReadGatePayload(draft.payload);
      if (payload.approvers.empty() && payload.allow_self) continue;
      value.openings.push_back(
          {line, draft.job_id, draft.gate, std::move(payload.approvers), payload.allow_self});
    } else if (FindType(draft.type)->is_gate_decision) {
      value.decisions.push_back({line, draft.job_id, draft.gate});
      value.actor = draft.actor;
    }
  }
  if (value.decisions.empty()) return std::nullopt;
  value.draft_count = static_cast<int64_t>(drafts.size());
  return value;
}

}  // namespace stagelog
