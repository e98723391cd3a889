// What people and scripts tell a job to do. Each becomes an event like any other, judged by the
// writer.
#include <array>

#include "api/api.h"
#include "api/append_answer.h"
#include "api/command.h"
#include "api/parameters.h"
#include "core/gate_rules.h"
#include "core/job_machine.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 3> kKeys = {"comment", "message", "event_id"};

// Behind "job 'j' is completed": what that has to do with the command.
std::string Why(EventType command, const JobState& job) {
  const std::string reason = job.reason.empty() ? "" : " (" + job.reason + ")";
  if (command == EventType::kJobCanceled) return reason + " and cannot be canceled any more";
  if (job.PendingGate() != nullptr) return reason + "; decide the gate before resuming the job";
  return reason + "; only a paused or ended job can be resumed";
}

// 404 for an unknown job, 409 where the state machine would flag the event.
Precondition IsLegal(const EventDraft& draft) {
  return [draft](const JobLookup& find) -> std::optional<Refusal> {
    const JobState* job = find(draft.job_id);
    if (job == nullptr) return UnknownJob(draft.job_id);
    const std::vector<std::string> violations = Judge(*job, draft);
    if (violations.empty()) return std::nullopt;
    const std::string status(StatusName(job->status));
    Refusal refusal{.code = "illegal_transition",
                    .detail = "job '" + draft.job_id + "' is " + status + Why(draft.kind, *job),
                    .members = {{"job_status", '"' + status + '"'},
                                {"violation", '"' + violations.front() + '"'}}};
    return refusal;
  };
}

HandlerResult Command(const ApiServices& services, const Call& call, const Responder& responder,
                      const char* type) {
  if (auto refusal = CheckParameters(call, {})) return Refused(*refusal);
  const auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  auto draft = DraftOfCommand(call, type, *job_id, "", kKeys);
  if (!draft) return Refused(draft.error());
  Precondition precondition = IsLegal(*draft);
  AppendCommand(services, std::move(*draft), std::move(precondition), PathOfJob(*job_id),
                responder);
  return {Deferred{}};
}

}  // namespace

HandlerResult CancelJob(const ApiServices& services, Call call, const Responder& responder) {
  return Command(services, call, responder, "job_canceled");
}

HandlerResult ResumeJob(const ApiServices& services, Call call, const Responder& responder) {
  return Command(services, call, responder, "job_resumed");
}

}  // namespace stagelog
