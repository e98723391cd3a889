// stagelog run: a command as a job, or as a stage of one.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/run/command_run.h"
#include "cli/run/run_admission.h"
#include "cli/run/run_target.h"
#include "client/exit_code.h"

namespace stagelog::cli {

namespace {

// Without the blanks around each.
std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t comma = 0; comma != std::string::npos; start = comma + 1) {
    comma = text.find(',', start);
    parts.emplace_back(Trimmed(std::string_view(text).substr(start, comma - start), " \t"));
  }
  return parts;
}

CliResult<ExitCode> RunCommand(CommandLine& line, Context& context, const RunOptions& options) {
  FillStandardDescriptors();
  auto target = ChooseRunTarget(options, ProcessEnvironment, SystemClock().WallMicros());
  if (!target) return tl::unexpected(target.error());
  if (const Status room = CheckRoomForDescriptors(); !room) {
    PrintError("the command was not started: " + room.error().message);
    line.foreign_exit_code = kExitCannotExecute;
    return ExitCode::kOk;
  }
  const auto job = AdmitRun(context.settings, *target, options, ProcessEnvironment);
  if (!job) return tl::unexpected(job.error());
  CommandRun run(context, std::move(*target), options, *job);
  line.foreign_exit_code = run.Run();
  return ExitCode::kOk;
}

}  // namespace

void AddRun(CommandLine& line) {
  const Command command = AddCommand(
      line, "run", "Run a command as a job or a stage, and record its output and exit code",
      "  stagelog run -- make -j8\n"
      "  stagelog run --job nightly-42 --pipeline nightly -- ./nightly.sh\n"
      "  stagelog run --stage encode -- ffmpeg -i in.mov out.mp4    (inside nightly.sh)\n"
      "Lines of the command's standard output that become events:\n"
      "  ::progress 40/100 frames    ::progress 40%    ::stage encode    ::stage\n"
      "Ends with the command's exit code: 128 + n when signal n ended it, 127 when there is\n"
      "no such command, 126 when it cannot be started. Commands still run if the daemon is\n"
      "unreachable: events wait in the spool, see 'stagelog spool'.\n"
      "A job that is already completed or failed is resumed, so its state is that of the last "
      "run;\n"
      "a canceled job is refused with exit code 6 unless --resume is given.");
  auto options = std::make_shared<RunOptions>();
  command.AddOption("--job", options->job, "job id; default: generated from the command name");
  command.AddOption("--pipeline", options->pipeline,
                    "name of the pipeline that the job belongs to");
  command.AddOption("--label", options->labels, "a label of the job, key=value; repeatable")
      .Repeatable();
  command.AddOption("--stage", options->stage, "run as this stage of --job or STAGELOG_JOB");
  auto stages = std::make_shared<std::string>();
  const Option has_stages =
      command.AddOption("--stages", *stages, "expected stages, separated by commas");
  const Option is_new =
      command.AddFlag("--new", options->is_new,
                      "fail if the job exists (exit code 6) or the daemon is unreachable (5)");
  command.AddFlag("--resume", options->resumes, "run the job again even if it was canceled")
      .Excludes(is_new);
  command.AddFlag("--no-command", options->hides_command,
                  "do not record the command line, which may contain secrets");
  command.AddFlag(
      "--pty", options->wants_terminal,
      "run the command in a pseudo terminal, for programs that buffer output otherwise");
  command.AddFlag("--wait-all", options->waits_for_all,
                  "also wait for background processes of the command");
  command.AddOption("command", options->command, "the command and its arguments, after --")
      .Required();
  command.ArgumentsAtEnd();
  command.OnSelected([&line, options, stages, has_stages] {
    if (has_stages.WasGiven()) options->stages = SplitAtCommas(*stages);
    line.action = [&line, options](Context& context) {
      return RunCommand(line, context, *options);
    };
  });
}

}  // namespace stagelog::cli
