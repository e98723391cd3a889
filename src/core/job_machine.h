// The state machine of a job with its stages and gates: pure, deterministic, total.
// state-machine.md beside this file has its tables; a test holds them against the code.
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

// False for `implicit_create`: lines of earlier versions bear it, though it is a fact and nothing
// that is wrong. It is not counted and not reported.
bool IsViolation(std::string_view code);

// Codes of what is illegal or odd about `draft` in `state`; empty when nothing is.
std::vector<std::string> Judge(const JobState& state, const EventDraft& draft);

// Which attempts and iterations an event has changed, as indexes into the state's lists. May hold
// one twice.
struct StateChanges {
  bool job = false;  // more than the counters
  std::vector<size_t> stages;
  std::vector<size_t> gates;
};

// Folds one event into the state. It trusts the violations that the event carries and judges
// nothing anew, so that an old journal folds the same for ever, on every machine. `changes` may be
// null; it is added to.
void Apply(JobState& state, const Event& event, std::string_view hash,
           StateChanges* changes = nullptr);

// The same for a line of events.jsonl. False, and nothing is changed, when it cannot be read.
bool ApplyLine(JobState& state, std::string_view line, StateChanges* changes = nullptr);

}  // namespace stagelog

#endif  // STAGELOG_CORE_JOB_MACHINE_H_
