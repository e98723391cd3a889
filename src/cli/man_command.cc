// stagelog man: the manual page, made from the commands themselves.
#include <algorithm>

#include "base/version.h"
#include "cli/command_tree.h"
#include "cli/commands.h"

namespace stagelog::cli {
namespace {

// As man(7) reads it: no line may begin with a dot or a quote of its own.
std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool at_start = out.empty() || out.back() == '\n';
    if (at_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Example(const std::string& footer) {
  const size_t start = footer.find("Examples:\n");
  if (start == std::string::npos) return "";
  return ".PP\n.nf\n" + Escaped(footer.substr(start + 10)) + "\n.fi\n";
}

std::string FlagText(const FlagDescription& flag) {
  std::string names;
  for (const std::string& name : flag.names) names += (names.empty() ? "" : ", ") + name;
  std::string text = ".TP\n\\fB" + Escaped(names) + "\\fR";
  if (!flag.value.empty()) text += " \\fI" + Escaped(flag.value) + "\\fR";
  return text + "\n" + Escaped(flag.description) + "\n";
}

bool IsShared(const FlagDescription& flag) {
  const std::string& name = flag.names.back();
  return name == "--help" || name == "--url" || name == "--token" || name == "--color" ||
         name == "--json";
}

std::string CommandText(const CommandDescription& command) {
  std::string text = ".SS \"stagelog " + Escaped(command.path + command.usage) + "\"\n" +
                     Escaped(command.description) + ".\n";
  for (FlagDescription argument : command.arguments) {
    argument.value.clear();  // it is its own
    text += FlagText(argument);
  }
  for (const FlagDescription& flag : command.flags) {
    if (!IsShared(flag)) text += FlagText(flag);
  }
  return text + Example(command.footer);
}

std::string Page(const std::vector<CommandDescription>& commands) {
  std::string page = ".TH STAGELOG 1 \"\" \"stagelog " + std::string(Version()) +
                     "\" \"User Commands\"\n.SH NAME\nstagelog \\- the event journal of "
                     "pipelines, from the command line\n.SH SYNOPSIS\n.B stagelog\n"
                     ".I command\n.RI [ flags ]\n.SH DESCRIPTION\n"
                     "Talks HTTP to a stagelogd for live jobs, and reads events.jsonl files for "
                     "past ones.\n.SH COMMANDS\n";
  for (const CommandDescription& command : commands) {
    if (!command.path.empty() && command.commands.empty()) page += CommandText(command);
  }
  page += ".SH SHARED FLAGS\n";
  const auto any = std::find_if(commands.begin(), commands.end(), [](const auto& command) {
    return !command.path.empty() && command.commands.empty();
  });
  for (const FlagDescription& flag : any->flags) {
    if (IsShared(flag)) page += FlagText(flag);
  }
  return page + ".SH EXIT STATUS AND SETTINGS\n.nf\n" + Escaped(commands.front().footer) +
         "\n.fi\n.SH SEE ALSO\nstagelogd \\-\\-help, README.md\n";
}

}  // namespace

void AddMan(CommandLine& line) {
  const Command command = AddCommand(line, "man", "Print the manual page",
                                     "  stagelog man | man -l -\n"
                                     "  stagelog man > /usr/local/share/man/man1/stagelog.1");
  command.OnSelected([&line] {
    line.action = [&line](Context& context) -> CliResult<ExitCode> {
      const CliStatus said = context.out.Write(Page(DescribeCommands(line)));
      if (!said) return tl::unexpected(said.error());
      return ExitCode::kOk;
    };
  });
}

}  // namespace stagelog::cli
