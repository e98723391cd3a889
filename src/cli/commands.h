// The commands of `stagelog`, one per file. A command declares its flags and, when selected, stores
// its action in the CommandLine.
#ifndef STAGELOG_CLI_COMMANDS_H_
#define STAGELOG_CLI_COMMANDS_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"
#include "cli/screen.h"
#include "client/exit_code.h"
#include "client/settings.h"

namespace stagelog::cli {

// The inputs of a command.
struct Context {
  GlobalFlags flags;
  Settings settings;
  Screen& out;  // standard output
  Screen& err;  // standard error
};

// Completions of an option's value.
struct ValueOffer {
  std::vector<std::string> values;
  bool is_list = false;  // several may be given, with commas between them
};

// Ends with an exit code, or with an error that main prints.
using Action = std::function<CliResult<ExitCode>(Context& context)>;

struct CommandLine {
  CommandLine();
  ~CommandLine();

  const std::unique_ptr<CLI::App> app;  // stagelog itself, above all commands
  GlobalFlags flags;
  Action action;  // of the chosen command
  // What the process ends with where that is no ExitCode of ours (run: the command's own).
  int foreign_exit_code = -1;
  std::map<const CLI::Option*, ValueOffer> offers;  // for completions

  // Sets completions for the option's value; other values stay allowed.
  void Offer(const Option& option, std::span<const std::string_view> values, bool is_list = false) {
    offers[option.get()] = {{values.begin(), values.end()}, is_list};
  }
};

// The names of all types of event but the user's own.
std::span<const std::string_view> TypeNames();

// Prints the time zone of the following output, if it goes to a terminal.
void PrintTimeZone(Context& context);

// The output of `stagelog help COMMAND`; `command` is a path such as {"gate", "wait"}, empty for
// the overview. kUsage for an unknown command.
CliResult<std::string> HelpText(const std::vector<std::string>& command);

// Adds a command with its description, its examples (one a line) and the flags all commands share.
Command AddCommand(CommandLine& line, const std::string& name, const std::string& description,
                   const std::string& examples);
// The same below another command (`gate wait`).
Command AddCommand(CommandLine& line, const Command& parent, const std::string& name,
                   const std::string& description, const std::string& examples);

// A command that does nothing itself, with commands below it.
Command AddGroup(CommandLine& line, const std::string& name, const std::string& description);

void AddHelp(CommandLine& line);
void AddRun(CommandLine& line);
void AddSpool(CommandLine& line);
void AddEmit(CommandLine& line);
void AddImport(CommandLine& line);
void AddTail(CommandLine& line);
void AddJobs(CommandLine& line);
void AddShow(CommandLine& line);
void AddGate(CommandLine& line);
void AddCancel(CommandLine& line);
void AddOpenPage(CommandLine& line);
void AddTicket(CommandLine& line);
void AddResume(CommandLine& line);
void AddDelete(CommandLine& line);
void AddBackup(CommandLine& line);
void AddVerify(CommandLine& line);
void AddState(CommandLine& line);
void AddReplay(CommandLine& line);
void AddExport(CommandLine& line);
void AddCompletion(CommandLine& line);
void AddMan(CommandLine& line);

// Declares them all, in the order of the help.
void AddCommands(CommandLine& line);

// Parses the command line. No value: run line.action. Else it was --help or --version, and the
// process exits with 0, or it is invalid: kUsage, with a message that names the word.
CliResult<std::optional<ExitCode>> Parse(CommandLine& line, int argument_count, char** arguments);

// The names of the commands that were given, the outermost first.
std::vector<std::string> ChosenCommands(const CommandLine& line);
// The names of all commands that are declared so far.
std::vector<std::string> CommandsBelow(const CommandLine& line);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_COMMANDS_H_
