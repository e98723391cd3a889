// The routes of the daemon, each a function in the file of its subject.
#ifndef STAGELOG_API_API_H_
#define STAGELOG_API_API_H_

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/metrics.h"
#include "core/backup_maker.h"
#include "core/event_appender.h"
#include "core/event_source.h"
#include "core/follower.h"
#include "core/job_deleter.h"
#include "core/job_source.h"
#include "core/journal_status.h"
#include "core/liveness_monitor.h"
#include "core/retention_runner.h"
#include "core/webhook_admin.h"
#include "http/call.h"
#include "http/route_table.h"

namespace stagelog {

class Grants;
class JournalMetrics;
class LongPolls;

// The services the handlers use. All of them outlive the server.
struct ApiServices {
  EventAppender& appender;
  JobDeleter& deleter;
  RetentionRunner& retention;
  BackupMaker& backups;
  EventSource& source;
  JobSource& jobs;
  LivenessMonitor& liveness;
  const JournalStatusSource& journal;
  WebhookAdmin& webhooks;
  LongPolls& long_polls;
  Clock& clock;
  MetricsRegistry& metrics;
  std::shared_ptr<JournalMetrics> journal_metrics = nullptr;  // ApiRoutes() makes it
  // The events are of a past run (`stagelog replay --serve`): running items do not extend to now.
  bool is_replay = false;
  std::vector<std::string> metric_labels;  // keys of labels by which /metrics counts jobs
  std::vector<const Follower*> followers;  // shown by /readyz and /metrics
  Grants* grants = nullptr;                // null: no sessions and tickets

  // For the live answer of core/job_state_json.h.
  int64_t LiveMicros() const { return is_replay ? 0 : clock.WallMicros(); }
};

// The whole table, on one screen.
std::vector<Route> ApiRoutes(ApiServices services);

// append_handlers.cc
HandlerResult AppendToJob(const ApiServices& services, Call call, const Responder& responder);
HandlerResult AppendToJobs(const ApiServices& services, Call call, const Responder& responder);
HandlerResult AppendLineage(const ApiServices& services, Call call, const Responder& responder);

// job_handlers.cc
HandlerResult CreateJob(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ListJobs(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowJob(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowStage(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ListStages(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ListGatesOfJob(const ApiServices& services, Call call, const Responder& responder);

// delete_handlers.cc
HandlerResult DeleteJob(const ApiServices& services, Call call, const Responder& responder);

// retention_handlers.cc
HandlerResult RunRetention(const ApiServices& services, Call call, const Responder& responder);

// backup_handlers.cc
HandlerResult MakeBackup(const ApiServices& services, Call call, const Responder& responder);

// command_handlers.cc
HandlerResult CancelJob(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ResumeJob(const ApiServices& services, Call call, const Responder& responder);

// gate_handlers.cc
HandlerResult ShowGate(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ListGates(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ApproveGate(const ApiServices& services, Call call, const Responder& responder);
HandlerResult RejectGate(const ApiServices& services, Call call, const Responder& responder);

// poll_handlers.cc
HandlerResult PollJob(const ApiServices& services, Call call, const Responder& responder);
HandlerResult PollJobs(const ApiServices& services, Call call, const Responder& responder);

// stream_handlers.cc
HandlerResult StreamJob(const ApiServices& services, Call call, const Responder& responder);
HandlerResult StreamJobs(const ApiServices& services, Call call, const Responder& responder);

// webhook_handlers.cc
HandlerResult ListWebhooks(const ApiServices& services, Call call, const Responder& responder);
HandlerResult MakeWebhook(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowWebhook(const ApiServices& services, Call call, const Responder& responder);
HandlerResult DeleteWebhook(const ApiServices& services, Call call, const Responder& responder);
HandlerResult PauseWebhook(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ResumeWebhook(const ApiServices& services, Call call, const Responder& responder);
HandlerResult RotateWebhook(const ApiServices& services, Call call, const Responder& responder);
HandlerResult TestWebhook(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ListDeliveries(const ApiServices& services, Call call, const Responder& responder);
HandlerResult SendAgain(const ApiServices& services, Call call, const Responder& responder);

// session_handlers.cc
HandlerResult SignIn(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowSession(const ApiServices& services, Call call, const Responder& responder);
HandlerResult SignOut(const ApiServices& services, Call call, const Responder& responder);
HandlerResult MakeSignInLink(const ApiServices& services, Call call, const Responder& responder);

// ticket_handlers.cc
HandlerResult MakeTicket(const ApiServices& services, Call call, const Responder& responder);

// health_handlers.cc
HandlerResult ShowHealth(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowReadiness(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowMetrics(const ApiServices& services, Call call, const Responder& responder);

// static_handlers.cc
HandlerResult ShowPage(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowPageFile(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowDocs(const ApiServices& services, Call call, const Responder& responder);
HandlerResult ShowDocsFile(const ApiServices& services, Call call, const Responder& responder);

// openapi_handlers.cc
HandlerResult ShowOpenApi(const ApiServices& services, Call call, const Responder& responder);

}  // namespace stagelog

#endif  // STAGELOG_API_API_H_
