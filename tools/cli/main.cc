// stagelog: flags in, a command's exit code out.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tools/cli/commands.h"
#include "tools/cli/usage_error.h"

namespace stagelog::cli {
namespace {

int Report(const CliError& error) {
  if (!error.message.empty()) Complain(error.message);
  return static_cast<int>(error.code);
}

// No command was named, or only the first word of one.
int PrintHelp(const CLI::App& app) {
  std::vector<std::string> command;
  for (const CLI::App* chosen : app.get_subcommands()) command.push_back(chosen->get_name());
  const auto text = HelpText(command);
  if (!text) return Report(text.error());
  const CliStatus said = Screen(STDOUT_FILENO, "never").Write(*text);
  return said ? 0 : Report(said.error());
}

int Main(int argument_count, char** arguments) {
  // A reader that has gone is an error of write(), not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  CommandLine line;
  AddCommands(line);
  try {
    line.app.parse(argument_count, arguments);
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) return line.app.exit(problem);  // --help, --version
    const std::vector<std::string> words(arguments + 1, arguments + argument_count);
    return Report({ExitCode::kUsage, ExplainUsage(line, words, problem.what())});
  }
  if (!line.action) return PrintHelp(line.app);
  auto settings = LoadSettings(line.flags, ProcessEnvironment);
  if (!settings) return Report(settings.error());
  Screen out(STDOUT_FILENO, settings->color);
  Screen err(STDERR_FILENO, settings->color);
  Context context{line.flags, std::move(*settings), out, err};
  const CliResult<ExitCode> ended = line.action(context);
  if (!ended) return Report(ended.error());
  return line.foreign_exit_code >= 0 ? line.foreign_exit_code : static_cast<int>(*ended);
}

}  // namespace
}  // namespace stagelog::cli

int main(int argument_count, char** arguments) {
  return stagelog::cli::Main(argument_count, arguments);
}
