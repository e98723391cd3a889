// The commands as a plain tree, from which completions and the manual page are generated.
#ifndef STAGELOG_CLI_COMMAND_TREE_H_
#define STAGELOG_CLI_COMMAND_TREE_H_

#include <string>
#include <vector>

#include "cli/commands.h"

namespace stagelog::cli {

struct FlagDescription {
  std::vector<std::string> names;  // "-h", "--help"
  std::string value;               // what it takes, empty for a switch
  ValueOffer offer;                // values for completions; empty where anything goes
  std::string description;
};

struct CommandDescription {
  std::string path;  // "gate wait"; empty for stagelog itself
  std::string description;
  std::string usage;  // the arguments without flags
  std::string footer;
  std::vector<FlagDescription> arguments;
  std::vector<FlagDescription> flags;
  std::vector<std::string> commands;  // the names of those below it
};

// stagelog itself first, then every command, those below one after it.
std::vector<CommandDescription> DescribeCommands(const CommandLine& line);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_COMMAND_TREE_H_
