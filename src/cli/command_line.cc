#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/nearest.h"
#include "base/terminal_text.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/time_text.h"
#include "cli/usage_error.h"
#include "core/vocabulary.h"

namespace stagelog::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes:\n"
    "  0 success         1 problem found         2 bad usage        3 gate rejected\n"
    "  4 gate undecided  5 daemon unreachable    6 daemon refused   7 bad file\n"
    "  8 stored, flagged as invalid (emit --strict)\n"
    "  130 Ctrl-C        141 output closed (| head)\n"
    "  'run' exits with the exit code of its command.\n"
    "Settings: --url --token --color, STAGELOG_URL, STAGELOG_TOKEN, NO_COLOR, and\n"
    "  url, token, color in ~/.config/stagelog/config.yaml.";

void AddSharedFlags(CommandLine& line, const Command& command) {
  // Given before the command and behind it, the nearer one counts.
  command.AddOption("--url", line.flags.url, "URL of the daemon (default: http://127.0.0.1:8008)")
      .Group("Shared");
  command
      .AddOption("--token", line.flags.token,
                 "bearer token; STAGELOG_TOKEN keeps it out of process lists")
      .Group("Shared");
  command.AddOption("--color", line.flags.color, "when to use colors")
      .OneOf({"auto", "always", "never"})
      .Group("Shared");
  command.AddFlag("--json", line.flags.json, "print JSON, one object per line").Group("Shared");
}

// The sections of the overview, each with its commands.
const std::vector<std::pair<const char*, std::vector<const char*>>> kSections = {
    {"Run and send", {"run", "spool", "emit", "import"}},
    {"Watch", {"tail", "jobs", "show"}},
    {"Decide", {"gate", "cancel", "resume"}},
    {"Past runs, without the daemon", {"verify", "state", "replay", "export"}},
    {"Administration", {"delete", "backup"}},
    {"About stagelog", {"help", "man", "completion"}},
};

void NameGroups(CLI::App& app) {
  for (const auto& [section, commands] : kSections) {
    for (const char* command : commands) app.get_subcommand(command)->group(section);
  }
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
}

}  // namespace

CommandLine::CommandLine()
    : app(std::make_unique<CLI::App>(
          "stagelog: the event journal of pipelines, from the command line", "stagelog")) {}

CommandLine::~CommandLine() = default;

Command AddCommand(CommandLine& line, const Command& parent, const std::string& name,
                   const std::string& description, const std::string& examples) {
  const Command command(parent.app().add_subcommand(name, description));
  command.app().footer("Examples:\n" + examples);
  AddSharedFlags(line, command);
  return command;
}

Command AddGroup(CommandLine& line, const std::string& name, const std::string& description) {
  return Command(line.app->add_subcommand(name, description));
}

Command AddCommand(CommandLine& line, const std::string& name, const std::string& description,
                   const std::string& examples) {
  return AddCommand(line, Command(line.app.get()), name, description, examples);
}

std::span<const std::string_view> TypeNames() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const TypeTraits& type : AllTypes()) all.push_back(type.name);
    return all;
  }();
  return names;
}

void PrintTimeZone(Context& context) {
  if (!context.out.is_terminal() || context.flags.json) return;
  const std::string zone = ZoneText(SystemClock().WallMicros());
  static_cast<void>(context.err.WriteLine(context.err.Paint(Style::kDim, "times: " + zone)));
}

void AddCommands(CommandLine& line) {
  line.app->set_version_flag("--version", "stagelog " + std::string(Version()));
  line.app->footer("'stagelog help COMMAND' explains a command, with examples.\n\n" +
                   std::string(kExitCodes));
  AddSharedFlags(line, Command(line.app.get()));
  AddRun(line);
  AddSpool(line);
  AddEmit(line);
  AddImport(line);
  AddTail(line);
  AddJobs(line);
  AddShow(line);
  AddGate(line);
  AddCancel(line);
  AddOpenPage(line);
  AddTicket(line);
  AddResume(line);
  AddDelete(line);
  AddBackup(line);
  AddVerify(line);
  AddState(line);
  AddReplay(line);
  AddExport(line);
  AddCompletion(line);
  AddMan(line);
  AddHelp(line);
  NameGroups(*line.app);
  // A command that is not named is no error: the help says which there are.
  line.app->require_subcommand(0, 1);
  for (CLI::App* command : line.app->get_subcommands([](CLI::App*) { return true; })) {
    if (command->get_subcommands([](CLI::App*) { return true; }).empty()) continue;
    command->require_subcommand(0, 1);
    command->footer("");
    for (CLI::App* below : command->get_subcommands([](CLI::App*) { return true; })) {
      below->group("Commands");
    }
    AddSharedFlags(line, Command(command));
  }
}

CliResult<std::optional<ExitCode>> Parse(CommandLine& line, int argument_count, char** arguments) {
  try {
    line.app->parse(argument_count, arguments);
  } catch (const CLI::ParseError& problem) {
    if (problem.get_exit_code() == 0) {  // --help, --version
      return static_cast<ExitCode>(line.app->exit(problem));
    }
    const std::vector<std::string> words(arguments + 1, arguments + argument_count);
    return Fail(ExitCode::kUsage, ExplainUsage(line, words, problem.what()));
  }
  return std::nullopt;
}

std::vector<std::string> ChosenCommands(const CommandLine& line) {
  std::vector<std::string> names;
  for (const CLI::App* chosen : line.app->get_subcommands()) names.push_back(chosen->get_name());
  return names;
}

std::vector<std::string> CommandsBelow(const CommandLine& line) {
  std::vector<std::string> names;
  for (const CLI::App* command : line.app->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

CliResult<std::string> HelpText(const std::vector<std::string>& command) {
  // One that has parsed nothing: a command that was chosen would answer with its own help.
  CommandLine line;
  AddCommands(line);
  const CLI::App* app = line.app.get();
  std::string above;
  for (const std::string& word : command) {
    const auto below = app->get_subcommands([](const CLI::App*) { return true; });
    std::vector<std::string_view> names;
    for (const CLI::App* known : below) names.push_back(known->get_name());
    const auto found = std::find(names.begin(), names.end(), word);
    if (found == names.end() && names.empty()) {
      return Fail(ExitCode::kUsage, "'" + above + app->get_name() + "' has no commands below it");
    }
    if (found == names.end()) {
      return Fail(ExitCode::kUsage, "unknown command '" + EscapeControls(Shorten(word, 60)) + "'" +
                                        DidYouMean(word, names));
    }
    above += app->get_name() + " ";
    app = below[static_cast<size_t>(found - names.begin())];
  }
  if (above.empty()) return app->help();
  above.pop_back();
  return app->help(above);
}

}  // namespace stagelog::cli
