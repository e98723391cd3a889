// stagelog cancel, stagelog resume: what people tell a job.
#include <memory>

#include "base/terminal_text.h"
#include "cli/commands.h"
#include "cli/own_job.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "client/receipt.h"
#include "core/identifier.h"
#include "core/json_value.h"

namespace stagelog::cli {
namespace {

struct JobCommandOptions {
  std::string job;
  std::string message;
};

CliResult<ExitCode> Tell(Context& context, const JobCommandOptions& options,
                         const std::string& command) {
  const auto job = JobOrOwn(options.job, "stagelog " + command + " JOB");
  if (!job) return tl::unexpected(job.error());
  Json body = Json::object();
  if (!options.message.empty()) body["message"] = options.message;
  DaemonClient client(context.settings);
  const auto answer = client.Post(JobTarget(*job) + "/" + command, DumpJson(body));
  if (!answer) return tl::unexpected(answer.error());
  const auto receipt = client.DocumentIn(*answer, kReceiptKey);
  if (!receipt) return tl::unexpected(receipt.error());
  const CliStatus said =
      context.flags.json
          ? context.out.Write(answer->body)
          : context.out.WriteLine(*job + " is " + EscapeControls(TextAt(*receipt, "job_status")) +
                                  " (seq " + std::to_string(IntegerAt(*receipt, "seq")) + ")");
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

void AddJobCommand(CommandLine& line, const std::string& name, const std::string& description,
                   const std::string& examples) {
  const Command command = AddCommand(line, name, description, examples);
  auto options = std::make_shared<JobCommandOptions>();
  command.AddOption("job", options->job, "the job; default within 'stagelog run': its own job")
      .Name(IsJobId);
  command.AddOption("--message", options->message, "the reason, for the journal");
  command.OnSelected([&line, options, name] {
    line.action = [options, name](Context& context) { return Tell(context, *options, name); };
  });
}

}  // namespace

void AddCancel(CommandLine& line) {
  AddJobCommand(
      line, "cancel", "Cancel a job: its worker learns of it and ends",
      "  stagelog cancel render-42 --message 'wrong cut'\n"
      "'stagelog run' ends its command with SIGTERM; other workers see it in the answer to "
      "their next event.");
}

void AddResume(CommandLine& line) {
  AddJobCommand(line, "resume", "Resume a job that is paused or over",
                "  stagelog resume render-42\n"
                "  stagelog resume release-7 --message 'deploy again'");
}

}  // namespace stagelog::cli
