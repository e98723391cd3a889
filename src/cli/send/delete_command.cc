// stagelog delete: deletes a job permanently, after asking for confirmation.
#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "client/daemon_client.h"
#include "client/json_member.h"
#include "core/identifier.h"

namespace stagelog::cli {
namespace {

struct DeleteOptions {
  std::string job;
  bool yes = false;
};

// What is about to go, in words.
CliResult<std::string> Describe(DaemonClient& client, const DeleteOptions& options) {
  const auto job = client.GetJson(JobTarget(options.job));
  if (!job) return tl::unexpected(job.error());
  return options.job + " (" + TextAt(*job, "status") + ", " +
         std::to_string(IntegerAt(*job, "events")) + " events)";
}

// Asks on standard error, for standard output may be a pipe.
CliResult<bool> Confirm(Context& context, const std::string& what) {
  if (::isatty(STDIN_FILENO) == 0) {
    return Fail(ExitCode::kUsage,
                "this would permanently delete " + what + "; not a terminal; pass --yes");
  }
  const CliStatus asked =
      context.err.Write("permanently delete " + what + " and its files? [y/N] ");
  if (!asked) return tl::unexpected(asked.error());
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

CliResult<ExitCode> Delete(Context& context, const DeleteOptions& options) {
  DaemonClient client(context.settings);
  if (!options.yes) {
    const auto what = Describe(client, options);
    if (!what) return tl::unexpected(what.error());
    const auto confirmed = Confirm(context, *what);
    if (!confirmed) return tl::unexpected(confirmed.error());
    if (!*confirmed) return Fail(ExitCode::kProblem, "nothing was deleted");
  }
  const auto answer = client.Delete(JobTarget(options.job));
  if (!answer) return tl::unexpected(answer.error());
  const auto report = client.DocumentIn(*answer, "deleted_at");
  if (!report) return tl::unexpected(report.error());
  const CliStatus said =
      context.flags.json
          ? context.out.Write(answer->body)
          : context.out.WriteLine("deleted " + options.job + ": " +
                                  std::to_string(IntegerAt(*report, "events")) + " events, seq " +
                                  std::to_string(IntegerAt(*report, "first_seq")) + " to " +
                                  std::to_string(IntegerAt(*report, "last_seq")));
  if (!said) return tl::unexpected(said.error());
  return ExitCode::kOk;
}

}  // namespace

void AddDelete(CommandLine& line) {
  const Command command =
      AddCommand(line, "delete", "Delete a job and its files permanently (role: admin)",
                 "  stagelog delete render-42\n"
                 "  stagelog delete render-42 --yes");
  auto options = std::make_shared<DeleteOptions>();
  command.AddOption("job", options->job, "the job").Required().Name(IsJobId);
  command.AddFlag("--yes", options->yes, "do not ask for confirmation");
  command.OnSelected([&line, options] {
    line.action = [options](Context& context) { return Delete(context, *options); };
  });
}

}  // namespace stagelog::cli
