// Who may decide a gate, and when. Pure. Preconditions (core/precondition.h) apply these rules on
// the journal's writer, so that only one of two concurrent decisions succeeds.
#ifndef STAGELOG_CORE_GATE_RULES_H_
#define STAGELOG_CORE_GATE_RULES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/job_state.h"
#include "core/payload.h"
#include "core/refusal.h"
#include "core/vocabulary.h"

namespace stagelog {

// A refusal (forbidden) when there are approvers and `actor` is none of them.
std::optional<Refusal> CheckApproverList(const std::vector<std::string>& approvers,
                                         const std::string& gate, const std::string& actor);

// A refusal (forbidden) when `actor` has opened a gate that whoever opens it may not decide; the
// role admin does not lift this. `job` may be null.
std::optional<Refusal> CheckNotOpener(const JobState* job, const std::string& gate,
                                      const std::string& actor);

// Both, for the gate if it is pending: the approvers that it names, and who opened it. `job` may be
// null.
std::optional<Refusal> CheckApprover(const JobState* job, const std::string& gate,
                                     const std::string& actor);

// A rule of a pending gate that a decision breaks.
struct BrokenGateRule {
  std::string_view violation;  // its code where the decision is a plain event
  Refusal refusal;             // where it is a command
};

// The first rule that a decision on the pending gate breaks; none if it may stand. What a timer
// decides (actor kOwnActor) breaks none.
//   self_decision     who opened it may not decide it: forbidden
//   timer_only        a gate_auto_approved by other than the timer, where NeedsPeople()
//   already_approved  a second approval by the same actor
//   choice_required, choice_unknown (invalid_field)
//   answer_required, answer_invalid (unknown_key, invalid_field)
//   answers_differ    from the first approval's choice or answers
// An approval after the first may leave out the choice and answers that stand. A rejection needs
// none, but those it has must be right.
std::optional<BrokenGateRule> FindBrokenRule(const GateState& gate, EventType decision,
                                             const DecisionPayload& payload,
                                             const std::string& actor);

Refusal UnknownJob(const std::string& job_id);
// The refusal for a job that was deleted for good.
Refusal DeletedJob(const std::string& job_id);
Refusal UnknownGate(const std::string& job_id, const std::string& gate);

// Whether `actor` may decide the gate now; `is_admin` lifts the list of approvers. Refusals:
// unknown_job, unknown_gate, gate_decided (with the decision that stands as member `gate`),
// forbidden.
std::optional<Refusal> CheckDecision(const JobState* job, const std::string& job_id,
                                     const std::string& gate, const std::string& actor,
                                     bool is_admin);

}  // namespace stagelog

#endif  // STAGELOG_CORE_GATE_RULES_H_
