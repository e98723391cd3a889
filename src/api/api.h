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
#include "core/job_deleter.h"
#include "core/job_source.h"
#include "core/journal_status.h"
#include "core/liveness_monitor.h"
#include "core/retention_runner.h"
#include "http/call.h"
#include "http/route_table.h"

namespace stagelog {

class JournalMetrics;
class LongPolls;

// What the handlers work with. All of it outlives the server.
struct ApiServices {
  EventAppender& appender;
  JobDeleter& deleter;
  RetentionRunner& retention;
  BackupMaker& backups;
  EventSource& source;
  JobSource& jobs;
  LivenessMonitor& liveness;
  const JournalStatusSource& journal;
  LongPolls& long_polls;
  Clock& clock;
  MetricsRegistry& metrics;
  std::shared_ptr<JournalMetrics> journal_metrics = nullptr;  // ApiRoutes() makes it
  // The events tell of a time long past (`stagelog replay --serve`): nothing goes on until now.
  bool is_replay = false;
  std::vector<std::string> metric_labels;  // keys of labels by which /metrics counts jobs

  // For the live answer of core/job_state_json.h.
  int64_t LiveMicros() const { return is_replay ? 0 : clock.WallMicros(); }
};

// The whole table, on one screen.
std::vector<Route> ApiRoutes(ApiServices services);

// append_handlers.cc
Ending AppendToJob(const ApiServices& services, Call call, const Responder& responder);
Ending AppendToJobs(const ApiServices& services, Call call, const Responder& responder);

// job_handlers.cc
Ending CreateJob(const ApiServices& services, Call call, const Responder& responder);
Ending ListJobs(const ApiServices& services, Call call, const Responder& responder);
Ending ShowJob(const ApiServices& services, Call call, const Responder& responder);
Ending ShowStage(const ApiServices& services, Call call, const Responder& responder);
Ending ListStages(const ApiServices& services, Call call, const Responder& responder);
Ending ListGatesOfJob(const ApiServices& services, Call call, const Responder& responder);

// delete_handlers.cc
Ending DeleteJob(const ApiServices& services, Call call, const Responder& responder);

// retention_handlers.cc
Ending RunRetention(const ApiServices& services, Call call, const Responder& responder);

// backup_handlers.cc
Ending MakeBackup(const ApiServices& services, Call call, const Responder& responder);

// command_handlers.cc
Ending CancelJob(const ApiServices& services, Call call, const Responder& responder);
Ending ResumeJob(const ApiServices& services, Call call, const Responder& responder);

// gate_handlers.cc
Ending ShowGate(const ApiServices& services, Call call, const Responder& responder);
Ending ListGates(const ApiServices& services, Call call, const Responder& responder);
Ending ApproveGate(const ApiServices& services, Call call, const Responder& responder);
Ending RejectGate(const ApiServices& services, Call call, const Responder& responder);

// poll_handlers.cc
Ending PollJob(const ApiServices& services, Call call, const Responder& responder);
Ending PollJobs(const ApiServices& services, Call call, const Responder& responder);

// stream_handlers.cc
Ending StreamJob(const ApiServices& services, Call call, const Responder& responder);
Ending StreamJobs(const ApiServices& services, Call call, const Responder& responder);

// health_handlers.cc
Ending ShowHealth(const ApiServices& services, Call call, const Responder& responder);
Ending ShowReadiness(const ApiServices& services, Call call, const Responder& responder);
Ending ShowMetrics(const ApiServices& services, Call call, const Responder& responder);

}  // namespace stagelog

#endif  // STAGELOG_API_API_H_
