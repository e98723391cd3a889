#include "api/api.h"

#include <memory>
#include <utility>

#include "api/event_bodies.h"
#include "api/journal_metrics.h"

namespace stagelog {
namespace {

using Function = HandlerResult (*)(const ApiServices&, Call, const Responder&);

struct Row {
  const char* method;
  const char* pattern;
  Access access;
  Function function;
  bool takes_body = false;
  bool is_append = false;
  bool is_stream = false;
};

// clang-format off
constexpr Row kRows[] = {
    {"POST", "/api/v1/jobs",                     Access::kWriter,   CreateJob,     true},
    {"GET",  "/api/v1/jobs",                     Access::kReader,   ListJobs},
    {"GET",  "/api/v1/jobs/{job}",               Access::kReader,   ShowJob},
    {"DELETE", "/api/v1/jobs/{job}",             Access::kAdmin,    DeleteJob},
    {"POST", "/api/v1/jobs/{job}/cancel",        Access::kWriter,   CancelJob,     true},
    {"POST", "/api/v1/jobs/{job}/resume",        Access::kWriter,   ResumeJob,     true},
    {"GET",  "/api/v1/jobs/{job}/stages",        Access::kReader,   ListStages},
    {"GET",  "/api/v1/jobs/{job}/stages/{path*}", Access::kReader,  ShowStage},
    {"GET",  "/api/v1/jobs/{job}/gates",         Access::kReader,   ListGatesOfJob},
    {"GET",  "/api/v1/jobs/{job}/gates/{gate}",  Access::kReader,   ShowGate},
    {"POST", "/api/v1/jobs/{job}/gates/{gate}/approve", Access::kApprover, ApproveGate, true},
    {"POST", "/api/v1/jobs/{job}/gates/{gate}/reject",  Access::kApprover, RejectGate,  true},
    {"GET",  "/api/v1/gates",                    Access::kReader,   ListGates},
    {"POST", "/api/v1/jobs/{job}/events",        Access::kAppender, AppendToJob,   true, true},
    {"GET",  "/api/v1/jobs/{job}/events",        Access::kReader,   PollJob},
    {"GET",  "/api/v1/jobs/{job}/events/stream", Access::kReader,   StreamJob,     false, false, true},
    {"POST", "/api/v1/events",                   Access::kAppender, AppendToJobs,  true, true},
    {"GET",  "/api/v1/events",                   Access::kReader,   PollJobs},
    {"GET",  "/api/v1/events/stream",            Access::kReader,   StreamJobs,    false, false, true},
    {"POST", "/api/v1/admin/retention",          Access::kAdmin,    RunRetention,  true},
    {"POST", "/api/v1/admin/backup",             Access::kAdmin,    MakeBackup,    true},
    {"GET",  "/healthz",                         Access::kOpen,     ShowHealth},
    {"GET",  "/readyz",                          Access::kOpen,     ShowReadiness},
    {"GET",  "/metrics",                         Access::kOpen,     ShowMetrics},
};
// clang-format on

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
             [services, function = row.function](Call call, const Responder& responder) {
               return function(services, std::move(call), responder);
             },
         .takes_body = row.takes_body,
         .is_append = row.is_append,
         .is_stream = row.is_stream,
         .body_types = row.is_append ? EventBodyTypes() : BodyTypes()});
  }
  return routes;
}

}  // namespace stagelog
