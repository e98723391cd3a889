// Who may decide a gate, and when. Pure. Preconditions (core/precondition.h) apply these rules on
// the journal's writer, so that only one of two concurrent decisions succeeds.
#ifndef STAGELOG_CORE_GATE_RULES_H_
#define STAGELOG_CORE_GATE_RULES_H_

#include <optional>
#include <string>
#include <vector>

#include "core/job_state.h"
#include "core/refusal.h"
#include "core/vocabulary.h"

namespace stagelog {

// A refusal (forbidden) when there are approvers and `actor` is none of them.
std::optional<Refusal> CheckApproverList(const std::vector<std::string>& approvers,
                                         const std::string& gate, const std::string& actor);

// The same for the approvers that the gate names, if it is pending. `job` may be null.
std::optional<Refusal> CheckApprover(const JobState* job, const std::string& gate,
                                     const std::string& actor);

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

}  // namespace stagelog

#endif  // STAGELOG_CORE_GATE_RULES_H_
