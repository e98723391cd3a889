// stagelog help: the overview, or the help of a command.
#include <algorithm>
#include <memory>

#include "base/nearest.h"
#include "tools/cli/commands.h"

namespace stagelog::cli {
namespace {

std::vector<std::string> NamesBelow(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

tl::unexpected<CliError> UnknownCommand(const std::string& word,
                                        const std::vector<std::string>& names) {
  const std::vector<std::string_view> known(names.begin(), names.end());
  return Fail(ExitCode::kUsage,
              "unknown command '" + Harmless(Shorten(word, 60)) + "'" + DidYouMean(word, known));
}

}  // namespace

CliResult<std::string> HelpText(const std::vector<std::string>& command) {
  // One that has parsed nothing: a command that was chosen would answer with its own help.
  CommandLine line;
  AddCommands(line);
  CLI::App* app = &line.app;
  std::string above;
  for (const std::string& word : command) {
    const std::vector<std::string> names = NamesBelow(*app);
    const bool is_known = std::find(names.begin(), names.end(), word) != names.end();
    if (!is_known && names.empty()) {
      return Fail(ExitCode::kUsage, "'" + above + app->get_name() + "' has no commands below it");
    }
    if (!is_known) return UnknownCommand(word, names);
    above += app->get_name() + " ";
    app = app->get_subcommand(word);
  }
  if (above.empty()) return app->help();
  above.pop_back();
  return app->help(above);
}

void AddHelp(CommandLine& line) {
  CLI::App* command = AddCommand(line, "help", "Show this overview, or the help of a command",
                                 "  stagelog help\n"
                                 "  stagelog help gate wait");
  auto path = std::make_shared<std::vector<std::string>>();
  line.offers[command->add_option("command", *path, "the command")] = {NamesBelow(line.app)};
  command->callback([&line, path] {
    line.action = [path](Context& context) -> CliResult<ExitCode> {
      const auto text = HelpText(*path);
      if (!text) return tl::unexpected(text.error());
      if (CliStatus said = context.out.Write(*text); !said) return tl::unexpected(said.error());
      return ExitCode::kOk;
    };
  });
}

}  // namespace stagelog::cli
