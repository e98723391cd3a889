// stagelog completion: scripts for shells, made from the commands themselves.
#include <algorithm>
#include <memory>

#include "tools/cli/command_tree.h"
#include "tools/cli/commands.h"

namespace stagelog::cli {
namespace {

std::string Replace(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string Words(const CommandDescription& command, bool with_flags) {
  std::string words;
  const auto add = [&words](const std::string& word) {
    words += (words.empty() ? "" : " ") + word;
  };
  for (const std::string& name : command.commands) add(name);
  for (const FlagDescription& flag : command.flags) {
    if (with_flags) add(flag.names.back());
  }
  return words;
}

// A job is completed by asking the daemon; where none answers there is nothing to offer.
constexpr const char* kJobIds = "stagelog jobs --json --limit 200 2>/dev/null | cut -d \\\" -f 4";

bool TakesJob(const CommandDescription& command) {
  return std::any_of(command.arguments.begin(), command.arguments.end(), [](const auto& argument) {
    return argument.names.front() == "job" || argument.names.front() == "source";
  });
}

// The values that a flag takes, with blanks between them; empty where anything goes.
std::string Choices(const FlagDescription& flag) {
  return flag.value.find(',') == std::string::npos ? "" : Replace(flag.value, ",", " ");
}

std::string Bash(const std::vector<CommandDescription>& commands) {
  std::string script =
      "# bash completion for stagelog: eval \"$(stagelog completion bash)\"\n"
      "_stagelog() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} path='' i words='' jobs=''\n"
      "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
      "    case ${COMP_WORDS[i]} in\n"
      "      --) compopt -o default; return ;;\n"
      "      -*) ;;\n"
      "      *) case \"$path ${COMP_WORDS[i]}\" in\n";
  std::string known;
  for (const CommandDescription& command : commands) {
    if (!command.path.empty()) known += (known.empty() ? "" : "|") + ("' " + command.path + "'");
  }
  script += "        " + known +
            ") path=\"$path ${COMP_WORDS[i]}\" ;;\n      esac ;;\n    esac\n"
            "  done\n  case $path in\n";
  for (const CommandDescription& command : commands) {
    const std::string pattern = command.path.empty() ? "''" : "' " + command.path + "'";
    script += "    " + pattern + ") words='" + Words(command, true) + "'";
    if (TakesJob(command)) script += "; jobs=yes";
    script += " ;;\n";
  }
  // Behind a flag comes its value, whatever the command takes otherwise.
  script += "  esac\n  case \"$path ${COMP_WORDS[COMP_CWORD-1]}\" in\n";
  for (const CommandDescription& command : commands) {
    for (const FlagDescription& flag : command.flags) {
      if (flag.value.empty()) continue;
      script += "    '" + (command.path.empty() ? "" : " " + command.path) + " " +
                flag.names.back() + "') words='" + Choices(flag) + "'; jobs='' ;;\n";
    }
  }
  return script +
         "  esac\n"
         "  if [[ $jobs == yes && $word != -* ]]; then\n"
         "    words=$(" +
         kJobIds +
         ")\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  [[ ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default\n"
         "}\n"
         "complete -F _stagelog stagelog\n";
}

std::string ZshText(const std::string& text) {
  return Replace(Replace(Replace(Replace(text, "'", "'\\''"), "[", "("), "]", ")"), ":", "\\:");
}

std::string Zsh(const std::vector<CommandDescription>& commands) {
  std::string script =
      "#compdef stagelog\n"
      "# zsh completion for stagelog: eval \"$(stagelog completion zsh)\"\n"
      "_stagelog() {\n"
      "  local at='' i\n"
      "  for ((i = 2; i < CURRENT; ++i)); do\n"
      "    case \"$at ${words[i]}\" in\n      ";
  std::string known;
  for (const CommandDescription& command : commands) {
    if (!command.path.empty()) known += (known.empty() ? "" : "|") + ("' " + command.path + "'");
  }
  script += known +
            ") at=\"$at ${words[i]}\" ;;\n    esac\n  done\n  local -a offers\n"
            "  case $at in\n";
  for (const CommandDescription& command : commands) {
    const std::string pattern = command.path.empty() ? "''" : "' " + command.path + "'";
    script += "    " + pattern + ")\n      offers=(";
    for (const CommandDescription& other : commands) {
      const size_t last = other.path.find_last_of(' ');
      const std::string parent = last == std::string::npos ? "" : other.path.substr(0, last);
      const std::string name = last == std::string::npos ? other.path : other.path.substr(last + 1);
      if (!other.path.empty() && parent == command.path) {
        script += " '" + name + ":" + ZshText(other.description) + "'";
      }
    }
    for (const FlagDescription& flag : command.flags) {
      script += " '" + flag.names.back() + ":" + ZshText(flag.description) + "'";
    }
    script += ")\n";
    if (TakesJob(command)) {
      script += "      [[ ${words[CURRENT]} == -* ]] || offers=(${(f)\"$(" + std::string(kJobIds) +
                ")\"})\n";
    }
    script += "      ;;\n";
  }
  script += "  esac\n  case \"$at ${words[CURRENT-1]}\" in\n";
  for (const CommandDescription& command : commands) {
    for (const FlagDescription& flag : command.flags) {
      if (flag.value.empty()) continue;
      script += "    '" + (command.path.empty() ? "" : " " + command.path) + " " +
                flag.names.back() + "') offers=(" + Choices(flag) + ") ;;\n";
    }
  }
  return script +
         "  esac\n"
         "  _describe 'stagelog' offers || _files\n"
         "}\n"
         "[[ $funcstack[1] == _stagelog ]] && _stagelog \"$@\" || compdef _stagelog stagelog\n";
}

std::string FishText(const std::string& text) { return Replace(text, "'", "\\'"); }

std::string Fish(const std::vector<CommandDescription>& commands) {
  std::string script =
      "# fish completion for stagelog: stagelog completion fish | source\n"
      "function __stagelog_at\n"
      "  set -l names (commandline -opc | string match -v -- '-*')\n"
      "  set -e names[1]\n"
      "  for i in (seq (count $argv))\n"
      "    test \"$names[$i]\" = \"$argv[$i]\"; or return 1\n"
      "  end\n"
      "end\n";
  for (const CommandDescription& command : commands) {
    const std::string here =
        command.path.empty() ? "__fish_use_subcommand" : "__stagelog_at " + command.path;
    for (const CommandDescription& other : commands) {
      const size_t last = other.path.find_last_of(' ');
      const std::string parent = last == std::string::npos ? "" : other.path.substr(0, last);
      if (other.path.empty() || parent != command.path) continue;
      const std::string name = last == std::string::npos ? other.path : other.path.substr(last + 1);
      script += "complete -c stagelog -f -n '" + here + "' -a " + name + " -d '" +
                FishText(other.description) + "'\n";
    }
    for (const FlagDescription& flag : command.flags) {
      script += "complete -c stagelog -n '" + here + "' -l " + flag.names.back().substr(2) +
                (flag.value.empty() ? "" : " -r") +
                (Choices(flag).empty() ? "" : " -f -a '" + Choices(flag) + "'") + " -d '" +
                FishText(flag.description) + "'\n";
    }
    if (TakesJob(command)) {
      script += "complete -c stagelog -n '" + here + "' -a '(" + kJobIds + ")'\n";
    }
  }
  return script;
}

}  // namespace

void AddCompletion(CommandLine& line) {
  CLI::App* command =
      AddCommand(line, "completion", "Print a completion script for bash, zsh or fish",
                 "  eval \"$(stagelog completion bash)\"            (in ~/.bashrc)\n"
                 "  eval \"$(stagelog completion zsh)\"             (in ~/.zshrc, after compinit)\n"
                 "  stagelog completion fish > ~/.config/fish/completions/stagelog.fish");
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([&line, shell] {
    line.action = [&line, shell](Context& context) -> CliResult<ExitCode> {
      const auto commands = DescribeCommands(line.app);
      const std::string script = *shell == "bash"  ? Bash(commands)
                                 : *shell == "zsh" ? Zsh(commands)
                                                   : Fish(commands);
      if (CliStatus said = context.out.Write(script); !said) return tl::unexpected(said.error());
      return ExitCode::kOk;
    };
  });
}

}  // namespace stagelog::cli
