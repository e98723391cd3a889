#include "cli/run/run_admission.h"

#include <signal.h>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "base/utf8.h"
#include "cli/screen.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

using Job = RunBeginning::Job;

constexpr int kAnswerSeconds = 1;
constexpr std::chrono::seconds kPatience(2);
constexpr int kConflict = 409;

// The job, empty when there is no such job; no value when the daemon does not say. On a thread of
// its own, for a name that is looked up can take half a minute and not be stopped.
std::optional<Json> FindJob(const Settings& settings, const std::string& job_id) {
  auto promise = std::make_shared<std::promise<std::optional<Json>>>();
  std::future<std::optional<Json>> found = promise->get_future();
  // It may outlive this function, and must not take signals that are for the run.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread([promise, settings, job_id] {
    DaemonClient client(settings, kAnswerSeconds);
    auto job = client.GetJson(JobTarget(job_id));
    if (!job && job.error().code == ExitCode::kUnreachable) return promise->set_value(std::nullopt);
    promise->set_value(job && job->is_object() ? std::move(*job) : Json::object());
  }).detach();
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return found.wait_for(kPatience) == std::future_status::ready ? found.get() : std::nullopt;
}

// The end of a run is the end of the job and of what waits in it.
std::string PauseWarning(const RunTarget& target, const Json& job) {
  std::string pending;
  for (const Json& gate : PartAt(job, "gates")) {
    if (TextAt(gate, "status") == "pending") pending = TextAt(gate, "gate");
  }
  const std::string text = "job " + target.job_id + " is paused (" + TextAt(job, "reason") +
                           "); the command starts anyway";
  if (pending.empty()) return text;
  return text + (target.is_job() ? ", and its end cancels the gate" : "") +
         "; to wait for the decision: stagelog gate wait " + target.job_id + " " + pending;
}

CliResult<Job> CreateJob(const Settings& settings, const RunTarget& target,
                         const RunOptions& options) {
  Json body = {{"job_id", target.job_id}};
  if (!target.pipeline.empty()) body["pipeline"] = SanitizeUtf8(target.pipeline);
  if (!options.stages.empty()) body["stages"] = options.stages;
  DaemonClient client(settings);
  const auto answer = client.Post("/api/v1/jobs", DumpJson(body));
  if (!answer) return tl::unexpected(answer.error());
  if (answer->ok()) return Job::kCreated;
  if (answer->status == kConflict) {
    return Fail(ExitCode::kRefused, "job " + target.job_id + " already exists (--new)");
  }
  return tl::unexpected(client.AsError(*answer));
}

}  // namespace

CliResult<Job> AdmitRun(const Settings& settings, const RunTarget& target,
                        const RunOptions& options, const Environment& environment) {
  if (options.is_new) return CreateJob(settings, target, options);
  // A name that was just made is new; a run inside another one is part of what was asked for.
  const bool is_inside = environment("STAGELOG_JOB").value_or("") == target.job_id;
  if (options.resumes && !is_inside) return Job::kResumed;
  if (target.is_new_name || is_inside) return Job::kAny;
  const auto job = FindJob(settings, target.job_id);
  if (!job) {
    PrintError("no answer from " + settings.url + ": cannot check whether job " + target.job_id +
               " is canceled; starting the command anyway");
    return Job::kAny;
  }
  const std::string status = TextAt(*job, "status");
  if (status == "paused") PrintError(PauseWarning(target, *job));
  if (status == "canceled") {
    return Fail(ExitCode::kRefused,
                "job " + target.job_id +
                    " is canceled; the command was not started; use 'stagelog run "
                    "--resume' to run it anyway");
  }
  if (!target.is_job() && (status == "completed" || status == "failed")) {
    PrintError("job " + target.job_id + " is " + status +
               " already: events of this stage are stored and flagged as invalid; use --resume to "
               "run the job again");
  }
  return Job::kAny;
}

}  // namespace stagelog::cli
