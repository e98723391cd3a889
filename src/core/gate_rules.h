// Who may decide a gate, and when. Evaluated on the journal's writer, so that only one of two
// concurrent decisions succeeds.
#ifndef STAGELOG_CORE_GATE_RULES_H_
#define STAGELOG_CORE_GATE_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "core/event.h"
#include "core/event_appender.h"
#include "core/job_state.h"
#include "core/refusal.h"

namespace stagelog {

// A refusal (forbidden) when the gate is pending and names approvers of whom `actor` is none. `job`
// may be null. Pure, as is the next one.
std::optional<Refusal> CheckApprover(const JobState* job, const std::string& gate,
                                     const std::string& actor);

// The same for every decision among the drafts of one append; a gate that an earlier one of them
// opens counts too. A refusal names the draft as `line` when there are several.
std::optional<Refusal> CheckApprovers(const std::vector<EventDraft>& drafts, const JobLookup& find);

// What is wrong with the choice of a decision by a person (empty: none) on a gate that offers
// options: choice_required for an approval without one, invalid_field for one that is not offered.
// A rejection needs none, nor does what a timer decides.
std::optional<Refusal> CheckChoice(const GateState& gate, EventType decision,
                                   const std::string& choice);

Refusal UnknownJob(const std::string& job_id);
// The refusal for a job that was deleted for good.
Refusal DeletedJob(const std::string& job_id);
Refusal UnknownGate(const std::string& job_id, const std::string& gate);

// Whether `actor` may decide the gate now. Refusals: unknown_job, unknown_gate, gate_decided (with
// the decision that stands as member `gate`), forbidden.
std::optional<Refusal> CheckDecision(const JobState* job, const std::string& job_id,
                                     const std::string& gate, const std::string& actor,
                                     bool is_admin);

// Both checks as the precondition of an append: a compare-and-set on the writer, so that only one
// of two decisions finds the gate pending.
Precondition MayDecide(const EventDraft& decision, bool is_admin);

}  // namespace stagelog

#endif  // STAGELOG_CORE_GATE_RULES_H_
