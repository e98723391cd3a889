#include "base/version.h"
#include "core/identifier.h"
#include "tools/cli/commands.h"

namespace stagelog::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes:\n"
    "  0 done            1 something is wrong    2 bad usage        3 gate rejected\n"
    "  4 gate undecided  5 no daemon             6 daemon refused   7 bad file\n"
    "  130 Ctrl-C        141 nobody reads the output (| head)\n"
    "  'run' ends with its command's own code.\n"
    "Settings: --url --token --color, STAGELOG_URL, STAGELOG_TOKEN, NO_COLOR, and\n"
    "  url, token, color in ~/.config/stagelog/config.yaml.";

void AddSharedFlags(CommandLine& line, CLI::App& command) {
  command.add_option("--url", line.flags.url, "where the daemon is (http://127.0.0.1:8008)")
      ->group("Shared");
  command.add_option("--token", line.flags.token, "who you are; STAGELOG_TOKEN is safer")
      ->group("Shared");
  command.add_option("--color", line.flags.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->group("Shared");
  command.add_flag("--json", line.flags.json, "print JSON, one document or line a thing")
      ->group("Shared");
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

CLI::Validator NameCheck(bool (*is_name)(std::string_view)) {
  return CLI::Validator(
      [is_name](const std::string& text) {
        if (is_name(text)) return std::string();
        return "'" + Harmless(Shorten(text, 60)) + "' is no name: " + std::string(kNameRule);
      },
      "", "name");
}

void AddCommands(CommandLine& line) {
  line.app.set_version_flag("--version", "stagelog " + std::string(Version()));
  line.app.require_subcommand(1);
  line.app.footer(kExitCodes);
  AddRun(line);
  AddSpool(line);
  AddEmit(line);
  AddImport(line);
  AddTail(line);
  AddJobs(line);
  AddShow(line);
  AddGate(line);
  AddDelete(line);
  AddBackup(line);
  AddVerify(line);
  AddState(line);
  AddReplay(line);
  AddExport(line);
  AddCompletion(line);
  AddMan(line);
}

}  // namespace stagelog::cli
