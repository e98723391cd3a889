// The state machine of a job with its stages and gates: pure, deterministic, total. Its tables are
// in state-machine.md; a test compares them with the code.
#ifndef STAGELOG_CORE_JOB_MACHINE_H_
#define STAGELOG_CORE_JOB_MACHINE_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/event.h"
#include "core/job_state.h"

namespace stagelog {

// A code that may stand in an event's `violations`.
struct ViolationTraits {
  std::string_view code;
  std::string_view meaning;  // a sentence for the documentation
  bool counts = false;       // the event changes the state all the same
};

// All codes, in the order of the documentation.
std::span<const ViolationTraits> AllViolations();

// False for codes that this version does not know: they come from a later one, whose rules flagged
// the event.
bool ViolationCounts(std::string_view code);

// The sentence of a code; empty for one that this version does not know.
std::string_view ViolationMeaning(std::string_view code);

// False for `implicit_create`: events of earlier versions carry this code, although it is only
// informational. It is neither counted nor reported.
bool IsViolation(std::string_view code);

// Violation codes of `draft` in `state`; empty if it is valid.
std::vector<std::string> Judge(const JobState& state, const EventDraft& draft);

// Records in `event`, whose draft is set, what Apply() relies on: its violations, and which of the
// approvals that its gate requires it is.
void JudgeEvent(const JobState& state, Event& event);

// Which attempts and iterations an event has changed, as indexes into the state's lists. May hold
// one twice.
struct StateChanges {
  bool job = false;  // more than the counters
  std::vector<size_t> stages;
  std::vector<size_t> gates;
};

// Folds one event into the state. Trusts the violations recorded in the event and does not check
// again, so that an old journal always folds to the same state, on every machine. `changes` may be
// null; changes are added to it.
void Apply(JobState& state, const Event& event, std::string_view hash,
           StateChanges* changes = nullptr);

// The same for a line of events.jsonl. False, and nothing is changed, when it cannot be read.
bool ApplyLine(JobState& state, std::string_view line, StateChanges* changes = nullptr);

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_MACHINE_H_
