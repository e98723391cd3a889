#include "cli/usage_error.h"

#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "base/terminal_text.h"
#include "cli/command_tree.h"

namespace stagelog::cli {
namespace {

std::string Unknown(const std::string& what, const std::string& word,
                    const std::vector<std::string>& known) {
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  return "unknown " + what + " '" + EscapeControls(Shorten(word, 60)) + "'" +
         DidYouMean(word, candidates);
}

std::vector<std::string> FlagNames(const CommandDescription& command) {
  std::vector<std::string> names;
  for (const FlagDescription& flag : command.flags) {
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return names;
}

bool TakesValue(const CommandDescription& command, const std::string& name) {
  return std::any_of(command.flags.begin(), command.flags.end(), [&](const auto& flag) {
    return !flag.value.empty() &&
           std::find(flag.names.begin(), flag.names.end(), name) != flag.names.end();
  });
}

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether it is a flag of some command, which is to be named first.
bool IsFlagOfAny(const std::vector<CommandDescription>& commands, const std::string& name) {
  return std::any_of(commands.begin(), commands.end(),
                     [&](const auto& command) { return Contains(FlagNames(command), name); });
}

}  // namespace

std::string ExplainUsage(const CommandLine& line, const std::vector<std::string>& words,
                         const std::string& problem) {
  const std::vector<CommandDescription> commands = DescribeCommands(line);
  const CommandDescription* command = &commands.front();
  bool is_value = false;  // of the flag before it
  for (const std::string& word : words) {
    if (std::exchange(is_value, false)) continue;
    if (word == "--") break;
    if (word.starts_with("--")) {
      const std::string name = word.substr(0, word.find('='));
      const std::vector<std::string> known = FlagNames(*command);
      if (Contains(known, name)) {
        is_value = TakesValue(*command, name) && name.size() == word.size();
        continue;
      }
      if (!command->commands.empty() && IsFlagOfAny(commands, name)) {
        return "flag '" + name + "' comes after the command: stagelog COMMAND " + name + " ...";
      }
      return Unknown("flag", name, known);
    } else if (!command->commands.empty()) {
      if (!Contains(command->commands, word)) return Unknown("command", word, command->commands);
      const std::string path = command->path.empty() ? word : command->path + " " + word;
      command = &*std::find_if(commands.begin(), commands.end(),
                               [&](const auto& known) { return known.path == path; });
    }
  }
  const std::string help = command->path.empty() ? "stagelog" : "stagelog " + command->path;
  return problem + " (see '" + help + " --help')";
}

}  // namespace stagelog::cli
