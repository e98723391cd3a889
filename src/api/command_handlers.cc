// What people and scripts tell a job to do. Each becomes an event like any other, judged by the
// writer.
#include <array>

#include "api/api.h"
#include "api/append_answer.h"
#include "api/command.h"
#include "api/parameters.h"
#include "core/precondition.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 3> kKeys = {"comment", "message", "event_id"};

// 404 for an unknown job, 409 where the state machine would flag the event.
Precondition MustBeLegal(EventType command, const std::string& job_id) {
  if (command == EventType::kJobCanceled) return MayCancelJob{job_id};
  return MayResumeJob{job_id};
}

HandlerResult Command(const ApiServices& services, const Call& call, const Responder& responder,
                      const char* type) {
  const auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  auto draft = DraftOfCommand(call, type, *job_id, "", kKeys);
  if (!draft) return Refused(draft.error());
  Precondition precondition = MustBeLegal(draft->kind, *job_id);
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
