// stagelog: flags in, a command's exit code out.
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "cli/commands.h"

namespace stagelog::cli {
namespace {

int Report(const CliError& error) {
  if (!error.message.empty()) PrintError(error.message);
  return static_cast<int>(error.code);
}

// No command was named, or only the first word of one.
int PrintHelp(const CommandLine& line) {
  const auto text = HelpText(ChosenCommands(line));
  if (!text) return Report(text.error());
  const CliStatus said = Screen(STDOUT_FILENO, "never").Write(*text);
  return said ? 0 : Report(said.error());
}

int Main(int argument_count, char** arguments) {
  // A reader that has gone is an error of write(), not the end of the process.
  ::signal(SIGPIPE, SIG_IGN);
  CommandLine line;
  AddCommands(line);
  const auto parsed = Parse(line, argument_count, arguments);
  if (!parsed) return Report(parsed.error());
  if (*parsed) return static_cast<int>(**parsed);
  if (!line.action) return PrintHelp(line);
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
