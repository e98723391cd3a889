#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/version.h"
#include "core/identifier.h"
#include "core/vocabulary.h"
#include "tools/cli/commands.h"
#include "tools/cli/time_text.h"

namespace stagelog::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes:\n"
    "  0 success         1 problem found         2 bad usage        3 gate rejected\n"
    "  4 gate undecided  5 daemon unreachable    6 daemon refused   7 bad file\n"
    "  130 Ctrl-C        141 output closed (| head)\n"
    "  'run' exits with the exit code of its command.\n"
    "Settings: --url --token --color, STAGELOG_URL, STAGELOG_TOKEN, NO_COLOR, and\n"
    "  url, token, color in ~/.config/stagelog/config.yaml.";

void AddSharedFlags(CommandLine& line, CLI::App& command) {
  // Given before the command and behind it, the nearer one counts.
  command.add_option("--url", line.flags.url, "URL of the daemon (default: http://127.0.0.1:8008)")
      ->group("Shared");
  command
      .add_option("--token", line.flags.token,
                  "bearer token; STAGELOG_TOKEN keeps it out of process lists")
      ->group("Shared");
  command.add_option("--color", line.flags.color, "when to use colors")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->group("Shared");
  command.add_flag("--json", line.flags.json, "print JSON, one object per line")->group("Shared");
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

CLI::App* AddCommand(CommandLine& line, CLI::App& parent, const std::string& name,
                     const std::string& description, const std::string& examples) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->footer("Examples:\n" + examples);
  AddSharedFlags(line, *command);
  return command;
}

CLI::App* AddCommand(CommandLine& line, const std::string& name, const std::string& description,
                     const std::string& examples) {
  return AddCommand(line, line.app, name, description, examples);
}

std::span<const std::string_view> TypeNames() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const TypeTraits& type : AllTypes()) all.push_back(type.name);
    return all;
  }();
  return names;
}

void SayZone(Context& context) {
  if (!context.out.is_terminal() || context.flags.json) return;
  const std::string zone = ZoneText(SystemClock().WallMicros());
  static_cast<void>(context.err.WriteLine(context.err.Paint(Style::kDim, "times: " + zone)));
}

CLI::Validator NameCheck(bool (*is_name)(std::string_view)) {
  return CLI::Validator(
      [is_name](const std::string& text) {
        if (is_name(text)) return std::string();
        return "'" + Harmless(Shorten(text, 60)) +
               "' is not a valid name: " + std::string(kNameRule);
      },
      "", "name");
}

void AddCommands(CommandLine& line) {
  line.app.set_version_flag("--version", "stagelog " + std::string(Version()));
  line.app.footer("'stagelog help COMMAND' explains a command, with examples.\n\n" +
                  std::string(kExitCodes));
  AddSharedFlags(line, line.app);
  AddRun(line);
  AddSpool(line);
  AddEmit(line);
  AddImport(line);
  AddTail(line);
  AddJobs(line);
  AddShow(line);
  AddGate(line);
  AddCancel(line);
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
  NameGroups(line.app);
  // A command that is not named is no error: the help says which there are.
  line.app.require_subcommand(0, 1);
  for (CLI::App* command : line.app.get_subcommands([](CLI::App*) { return true; })) {
    if (command->get_subcommands([](CLI::App*) { return true; }).empty()) continue;
    command->require_subcommand(0, 1);
    command->footer("");
    for (CLI::App* below : command->get_subcommands([](CLI::App*) { return true; })) {
      below->group("Commands");
    }
    AddSharedFlags(line, *command);
  }
}

}  // namespace stagelog::cli
