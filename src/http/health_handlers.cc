// Is the daemon alive, is it ready, and how is it doing?
#include "base/version.h"
#include "core/json_text.h"
#include "http/api.h"
#include "http/journal_metrics.h"
#include "http/problem.h"

namespace stagelog {

Ending ShowHealth(const ApiServices&, Call, const Responder&) {
  return {
      JsonResponse(200, "{\"status\":\"ok\",\"version\":\"" + std::string(Version()) + "\"}\n")};
}

Ending ShowReadiness(const ApiServices& services, Call, const Responder&) {
  const JournalStatus journal = services.journal.GetStatus();
  std::string body = journal.writable ? "{\"status\":\"ready\"" : "{\"status\":\"unavailable\"";
  if (!journal.writable) {
    body += ",\"problem\":";
    AppendJsonString(body, journal.problem);
  }
  body += ",\"journal_id\":";
  AppendJsonString(body, journal.journal_id);
  body += ",\"head_seq\":" + std::to_string(journal.head_seq) + ",\"set_aside\":[";
  for (size_t i = 0; i < journal.set_aside.size(); ++i) {
    if (i > 0) body += ',';
    AppendJsonString(body, journal.set_aside[i]);
  }
  return {JsonResponse(journal.writable ? 200 : 503, body + "]}\n")};
}

Ending ShowMetrics(const ApiServices& services, Call, const Responder&) {
  return {WorkElsewhere{[services]() -> Ending {
    services.journal_metrics->Refresh();
    httplib::Response response;
    response.status = 200;
    response.body = services.metrics.RenderText();
    response.headers.emplace("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return {std::move(response)};
  }}};
}

}  // namespace stagelog
