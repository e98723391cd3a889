// stagelog run: a command as a job, or as a stage of one.
#include <memory>

#include "base/clock.h"
#include "tools/cli/commands.h"
#include "tools/cli/run/command_run.h"
#include "tools/cli/run/run_target.h"

namespace stagelog::cli {

void AddRun(CommandLine& line) {
  CLI::App* command = AddCommand(
      line, "run", "Run a command as a job, or as a stage of one, and journal what it does",
      "  stagelog run -- make -j8\n"
      "  stagelog run --job nightly-42 --pipeline nightly -- ./nightly.sh\n"
      "  stagelog run --stage encode -- ffmpeg -i in.mov out.mp4    (inside nightly.sh)\n"
      "Lines of the command's standard output that become events:\n"
      "  ::progress 40/100 frames    ::progress 40%    ::stage encode    ::stage\n"
      "Ends with the command's exit code: 128 + n when signal n ended it, 127 when there is\n"
      "no such command, 126 when it cannot be started. A daemon that is away does no harm:\n"
      "events wait in the spool, see 'stagelog spool'.");
  auto options = std::make_shared<RunOptions>();
  command->add_option("--job", options->job, "id of the job; made of the command when left out");
  command->add_option("--pipeline", options->pipeline, "what the job is a run of");
  command
      ->add_option("--label", options->labels, "a label of the job, key=value; may be given again")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("--stage", options->stage, "run as this stage of --job or STAGELOG_JOB");
  command->add_option("command", options->command, "the command and its arguments, behind --")
      ->required();
  command->positionals_at_end();
  command->callback([&line, options] {
    line.action = [&line, options](Context& context) -> CliResult<ExitCode> {
      auto target = ChooseRunTarget(*options, ProcessEnvironment, SystemClock().WallMicros());
      if (!target) return tl::unexpected(target.error());
      FillStandardDescriptors();
      CommandRun run(context, std::move(*target), options->command);
      line.foreign_exit_code = run.Run();
      return ExitCode::kOk;
    };
  });
}

}  // namespace stagelog::cli
