#include "api/api.h"

#include <memory>
#include <span>
#include <utility>

#include "api/event_bodies.h"
#include "api/journal_metrics.h"
#include "api/parameters.h"
#include "api/route_parameters.h"
#include "core/draft_decoder.h"
#include "http/problem.h"

namespace stagelog {
namespace {

using Function = HandlerResult (*)(const ApiServices&, Call, const Responder&);

struct Row {
  const char* method;
  const char* pattern;
  Access access;
  Function function;
  std::span<const std::string_view> parameters = {};
  bool takes_body = false;
  bool is_append = false;
  bool is_stream = false;
};

// clang-format off
constexpr Row kRows[] = {
    {"POST", "/api/v1/jobs",                     Access::kWriter,   CreateJob, {}, true},
    {"GET",  "/api/v1/jobs",                     Access::kReader,   ListJobs, kJobListParameters},
    {"GET",  "/api/v1/jobs/{job}",               Access::kReaderOrTicket, ShowJob, kJobParameters},
    {"DELETE", "/api/v1/jobs/{job}",             Access::kAdminByToken, DeleteJob},
    {"POST", "/api/v1/jobs/{job}/cancel",        Access::kWriter,   CancelJob, {}, true},
    {"POST", "/api/v1/jobs/{job}/resume",        Access::kWriter,   ResumeJob, {}, true},
    {"GET",  "/api/v1/jobs/{job}/stages",        Access::kReaderOrTicket, ListStages, kJobParameters},
    {"GET",  "/api/v1/jobs/{job}/stages/{path*}", Access::kReaderOrTicket, ShowStage, kJobParameters},
    {"GET",  "/api/v1/jobs/{job}/gates",         Access::kReaderOrTicket, ListGatesOfJob, kJobParameters},
    {"GET",  "/api/v1/jobs/{job}/gates/{gate}",  Access::kReaderOrTicket, ShowGate, kGateParameters},
    {"POST", "/api/v1/jobs/{job}/gates/{gate}/approve", Access::kApprover, ApproveGate, {}, true},
    {"POST", "/api/v1/jobs/{job}/gates/{gate}/reject",  Access::kApprover, RejectGate, {}, true},
    {"GET",  "/api/v1/gates",                    Access::kReader,   ListGates, kGateListParameters},
    {"POST", "/api/v1/jobs/{job}/events",        Access::kAppenderOrTicket, AppendToJob, {}, true, true},
    {"GET",  "/api/v1/jobs/{job}/events",        Access::kReaderOrTicket, PollJob, kPollParameters},
    {"GET",  "/api/v1/jobs/{job}/events/stream", Access::kReaderOrTicket, StreamJob, kStreamParameters, false, false, true},
    {"POST", "/api/v1/events",                   Access::kAppender, AppendToJobs, {}, true, true},
    {"POST", "/api/v1/lineage",                  Access::kWriter,   AppendLineage, {}, true, true},
    {"GET",  "/api/v1/events",                   Access::kReaderOrTicket, PollJobs, kPollParameters},
    {"GET",  "/api/v1/events/stream",            Access::kReaderOrTicket, StreamJobs, kStreamParameters, false, false, true},
    {"POST", "/api/v1/admin/retention",          Access::kAdminByToken, RunRetention, kRetentionParameters, true},
    {"POST", "/api/v1/admin/backup",             Access::kAdmin,    MakeBackup, kBackupParameters, true},
    {"GET",  "/api/v1/webhooks",                 Access::kAdmin,    ListWebhooks},
    {"POST", "/api/v1/webhooks",                 Access::kAdminByToken, MakeWebhook, {}, true},
    {"GET",  "/api/v1/webhooks/{webhook}",       Access::kAdmin,    ShowWebhook},
    {"DELETE", "/api/v1/webhooks/{webhook}",     Access::kAdminByToken, DeleteWebhook},
    {"POST", "/api/v1/webhooks/{webhook}/pause", Access::kAdminByToken, PauseWebhook, {}, true},
    {"POST", "/api/v1/webhooks/{webhook}/resume", Access::kAdminByToken, ResumeWebhook, {}, true},
    {"POST", "/api/v1/webhooks/{webhook}/rotate", Access::kAdminByToken, RotateWebhook, {}, true},
    {"POST", "/api/v1/webhooks/{webhook}/test",  Access::kAdminByToken, TestWebhook, {}, true},
    {"GET",  "/api/v1/webhooks/{webhook}/deliveries", Access::kAdmin, ListDeliveries, kDeliveryParameters},
    {"POST", "/api/v1/webhooks/{webhook}/send-again", Access::kAdminByToken, SendAgain, {}, true},
    {"POST", "/api/v1/session",                  Access::kSignIn,   SignIn, {}, true},
    {"GET",  "/api/v1/session",                  Access::kReader,   ShowSession},
    {"DELETE", "/api/v1/session",                Access::kSignOut,  SignOut},
    {"POST", "/api/v1/session/link",             Access::kReader,   MakeSignInLink, {}, true},
    {"POST", "/api/v1/tickets",                  Access::kReader,   MakeTicket, {}, true},
    {"GET",  "/healthz",                         Access::kOpen,     ShowHealth},
    {"GET",  "/readyz",                          Access::kOpen,     ShowReadiness},
    {"GET",  "/metrics",                         Access::kOpen,     ShowMetrics},
    {"GET",  "/openapi.json",                    Access::kOpen,     ShowOpenApi},
    {"GET",  "/",                                Access::kOpen,     ShowPage},
    {"GET",  "/page/{file}",                     Access::kOpen,     ShowPageFile},
    {"GET",  "/docs",                            Access::kOpen,     ShowDocs},
    {"GET",  "/docs/{file}",                     Access::kOpen,     ShowDocsFile},
};
// clang-format on

// An OpenLineage event is plain JSON.
bool TakesEvents(const Row& row) { return row.is_append && row.function != &AppendLineage; }

}  // namespace

std::vector<Route> ApiRoutes(ApiServices services) {
  services.journal_metrics = std::make_shared<JournalMetrics>(services.jobs, services.liveness,
                                                              services.clock, services.metrics);
  std::vector<Route> routes;
  for (const Row& row : kRows) {
    routes.push_back(
        {.method = row.method,
         .pattern = row.pattern,
         .access = row.access,
         .handler =
             [services, row](Call call, const Responder& responder) {
               if (row.access != Access::kOpen) {  // probes add parameters of their own
                 auto refusal = CheckParameters(call, row.parameters, kRepeatableParameter);
                 if (refusal) return Refused(*refusal);
               }
               // The body of anything but an append becomes one event, and is read on the loop.
               if (row.takes_body && !row.is_append) {
                 if (auto refusal = CheckEventSize(call.request.body)) return Refused(*refusal);
               }
               return row.function(services, std::move(call), responder);
             },
         .takes_body = row.takes_body,
         .is_append = row.is_append,
         .is_stream = row.is_stream,
         .parameters = {row.parameters.begin(), row.parameters.end()},
         .body_types = TakesEvents(row) ? EventBodyTypes() : BodyTypes()});
  }
  return routes;
}

}  // namespace stagelog
