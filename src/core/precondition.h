// What must hold of the jobs for an append to be applied. A precondition is a value: it holds all
// that its check needs beside the states of the jobs (no clock, nothing of the process that made
// it), so every process that folds the same events checks it with the same result.
// core/precondition_json.h writes and reads it.
#ifndef STAGELOG_CORE_PRECONDITION_H_
#define STAGELOG_CORE_PRECONDITION_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/event.h"
#include "core/job_state.h"
#include "core/refusal.h"

namespace stagelog {

// Returns the state of a job before the append; null if the job does not exist.
using JobLookup = std::function<const JobState*(const std::string& job_id)>;

// Refusal: job_exists.
struct JobMustBeNew {
  std::string job_id;

  bool operator==(const JobMustBeNew&) const = default;
};

// A job_canceled would be legal. Refusals: unknown_job; illegal_transition, with the members
// `job_status` and `violation`.
struct MayCancelJob {
  std::string job_id;

  bool operator==(const MayCancelJob&) const = default;
};

// A job_resumed (without `new_epoch`) would be legal. Refusals as for MayCancelJob.
struct MayResumeJob {
  std::string job_id;

  bool operator==(const MayResumeJob&) const = default;
};

// The gate is pending, and its rules allow the decision of this actor. A
// compare-and-set: of two decisions only one finds the gate pending. Refusals: those of
// CheckDecision() and FindBrokenRule() in core/gate_rules.h.
struct MayDecideGate {
  std::string job_id;
  std::string gate;
  EventType decision = EventType::kGateApproved;  // a type that decides gates
  std::string choice;                             // empty: none
  std::string answers;                            // a JSON object as it was sent; empty: none
  std::string actor;                              // the name of the caller's token
  bool is_admin = false;                          // the token's role: every gate is open to it

  bool operator==(const MayDecideGate&) const = default;
};

// The gate is still pending, and in the same iteration: a timer's decision loses against any other.
// Refusals: unknown_job, unknown_gate, gate_decided.
struct GateStillPending {
  std::string job_id;
  std::string gate;
  int64_t opened_seq = 0;  // of the gate_pause that opened the iteration; at least 1

  bool operator==(const GateStillPending&) const = default;
};

// For decisions that come as plain events, from a sender who is no admin: each pending gate that
// names approvers names the sender, and was not opened by the sender where that forbids it. What
// the request itself opens counts too. Refusal: forbidden, with `line` if the request has several
// drafts.
struct ApproversAllow {
  // A draft that opens a gate and names its approvers, or forbids its opener to decide. `line` is
  // counted as Refusal::line is.
  struct Opening {
    int64_t line = 1;
    std::string job_id;
    std::string gate;
    std::vector<std::string> approvers;
    bool allow_self = true;

    bool operator==(const Opening&) const = default;
  };
  // A draft that decides one.
  struct Decision {
    int64_t line = 1;
    std::string job_id;
    std::string gate;

    bool operator==(const Decision&) const = default;
  };

  std::string actor;                // the name of the sender's token
  int64_t draft_count = 1;          // of the request
  std::vector<Opening> openings;    // by line
  std::vector<Decision> decisions;  // by line; not empty

  bool operator==(const ApproversAllow&) const = default;
};

// The job goes on, or does not exist yet: what was granted for its life ends with it. Refusal:
// invalid_ticket.
struct JobNotOver {
  std::string job_id;

  bool operator==(const JobNotOver&) const = default;
};

using Precondition = std::variant<JobMustBeNew, MayCancelJob, MayResumeJob, MayDecideGate,
                                  GateStillPending, ApproversAllow, JobNotOver>;

// Why the append is refused; none if it may be applied. Pure; `find` is asked for the jobs that the
// precondition names, and what it returns is used before it is asked again.
std::optional<Refusal> CheckPrecondition(const Precondition& precondition, const JobLookup& find);

// The precondition of a decision that is a command of its own.
MayDecideGate MayDecide(const EventDraft& decision, bool is_admin);

// The precondition of a request whose sender is no admin; none if nothing among its drafts decides
// a gate. The drafts have the same actor.
std::optional<ApproversAllow> ApproversMustAllow(const std::vector<EventDraft>& drafts);

}  // namespace stagelog

#endif  // STAGELOG_CORE_PRECONDITION_H_
