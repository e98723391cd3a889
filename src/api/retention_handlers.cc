// Letting old things go now, or saying what would go.
#include <array>

#include "api/api.h"
#include "api/parameters.h"
#include "core/json_text.h"
#include "http/problem.h"

namespace stagelog {
namespace {

std::string_view NameOf(RetentionReport::Action action) {
  switch (action) {
    case RetentionReport::Action::kDropEvents:
      return "drop_events";
    case RetentionReport::Action::kCompress:
      return "compress";
    case RetentionReport::Action::kDelete:
      break;
  }
  return "delete";
}

std::string EncodeReport(const RetentionReport& report) {
  std::string body = "{\"dry_run\":";
  body += report.dry_run ? "true" : "false";
  body += ",\"events_dropped\":" + std::to_string(report.events_dropped);
  body += ",\"jobs_compressed\":" + std::to_string(report.jobs_compressed);
  body += ",\"jobs_deleted\":" + std::to_string(report.jobs_deleted) + ",\"jobs\":[";
  for (const RetentionReport::Job& job : report.jobs) {
    if (body.back() != '[') body += ',';
    body += "{\"job_id\":";
    AppendJsonString(body, job.job_id);
    body += ",\"action\":\"";
    body += NameOf(job.action);
    body += "\",\"events\":" + std::to_string(job.event_count) + "}";
  }
  return body + "]}\n";
}

}  // namespace

HandlerResult RunRetention(const ApiServices& services, Call call, const Responder& responder) {
  // What asks for a dry run in a body must not be taken for what asks for a real one.
  if (!call.request.body.empty()) {
    return Refused({.code = "malformed_request",
                    .detail = "this path takes no body; the only option is ?dry_run=true"});
  }
  const auto dry_run = ParseSwitch(call, "dry_run");
  if (!dry_run) return Refused(dry_run.error());
  services.retention.RunRetention(
      *dry_run, [responder](const tl::expected<RetentionReport, Refusal>& report) {
        responder.Send(report ? JsonResponse(200, EncodeReport(*report))
                              : ProblemResponse(report.error()));
      });
  return {Deferred{}};
}

}  // namespace stagelog
