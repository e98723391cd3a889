// stagelog help: the overview, or the help of a command.
#include <memory>

#include "cli/commands.h"

namespace stagelog::cli {

void AddHelp(CommandLine& line) {
  const Command command = AddCommand(line, "help", "Show this overview, or the help of a command",
                                     "  stagelog help\n"
                                     "  stagelog help gate wait");
  auto path = std::make_shared<std::vector<std::string>>();
  const Option option = command.AddOption("command", *path, "the command");
  line.offers[option.get()] = {CommandsBelow(line)};
  command.OnSelected([&line, path] {
    line.action = [path](Context& context) -> CliResult<ExitCode> {
      const auto text = HelpText(*path);
      if (!text) return tl::unexpected(text.error());
      if (CliStatus said = context.out.Write(*text); !said) return tl::unexpected(said.error());
      return ExitCode::kOk;
    };
  });
}

}  // namespace stagelog::cli
