// Deleting a job for good.
#include "api/api.h"
#include "api/parameters.h"
#include "base/timestamp.h"
#include "http/problem.h"

namespace stagelog {
namespace {

httplib::Response DeletedResponse(const tl::expected<DeletedJobReport, Refusal>& outcome) {
  if (!outcome) return ProblemResponse(outcome.error());
  return JsonResponse(200, "{\"job_id\":\"" + outcome->job_id +
                               "\",\"events\":" + std::to_string(outcome->event_count) +
                               ",\"first_seq\":" + std::to_string(outcome->first_seq) +
                               ",\"last_seq\":" + std::to_string(outcome->last_seq) +
                               ",\"seq\":" + std::to_string(outcome->seq) + ",\"deleted_at\":\"" +
                               FormatTimestamp(outcome->deleted_at_micros) + "\"}\n");
}

}  // namespace

HandlerResult DeleteJob(const ApiServices& services, Call call, const Responder& responder) {
  const auto job_id = JobOfPath(call);
  if (!job_id) return Refused(job_id.error());
  services.deleter.DeleteJob(*job_id, call.principal.token_name,
                             [responder](const tl::expected<DeletedJobReport, Refusal>& outcome) {
                               responder.Send(DeletedResponse(outcome));
                             });
  return {Deferred{}};
}

}  // namespace stagelog
