// stagelog completion: scripts for shells, made from the commands themselves.
#include <memory>

#include "base/text.h"
#include "cli/command_tree.h"
#include "cli/commands.h"

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

// Jobs and gates are completed by asking the daemon; where none answers there is nothing to offer.
constexpr const char* kJobIds = "stagelog jobs --json --limit 200 2>/dev/null | cut -d '\"' -f 4";
// Those that wait for approve and reject; `job` is the shell's text for the job.
std::string GateNames(const std::string& job, bool is_decision) {
  return "stagelog gate list " + job + (is_decision ? "" : " --all") +
         " --json 2>/dev/null | cut -d '\"' -f 8 | sort -u";
}

bool IsDecision(const CommandDescription& command) {
  return command.path == "gate approve" || command.path == "gate reject";
}

constexpr const char* kHelp = "help";

// What the argument at `index` is completed with: "jobs", "gates" (of the job before it),
// "subcommands" (of the command before it), words with blanks between them, or nothing.
std::string ArgumentKind(const CommandDescription& command, size_t index) {
  if (command.path == kHelp && index == 1) return "subcommands";
  if (index >= command.arguments.size()) return "";
  const FlagDescription& argument = command.arguments[index];
  const std::string& name = argument.names.front();
  if (name == "job" || name == "source") return "jobs";
  if (name == "gate") return IsDecision(command) ? "pending_gates" : "gates";
  return Joined(argument.offer.values);
}

// A branch of `case` for each command that has others below it; `use` is shell code, with %s for
// their names.
std::string SubcommandBranches(const std::vector<CommandDescription>& commands,
                               const std::string& use) {
  std::string branches;
  for (const CommandDescription& command : commands) {
    if (command.path.empty() || command.commands.empty()) continue;
    branches += " (" + command.path + ") " + Replace(use, "%s", Joined(command.commands)) + " ;;";
  }
  return branches;
}

std::string PathOf(const CommandDescription& command) {
  return command.path.empty() ? "" : " " + command.path;
}

// A pattern for `case` that matches every command's path, with a blank before it.
std::string PathPatterns(const std::vector<CommandDescription>& commands) {
  std::string patterns;
  for (const CommandDescription& command : commands) {
    if (command.path.empty()) continue;
    patterns += (patterns.empty() ? "" : "|") + ("' " + command.path + "'");
  }
  return patterns;
}

// The same for every flag that takes a value, behind its command's path.
std::string ValueFlagPatterns(const std::vector<CommandDescription>& commands) {
  std::string patterns;
  for (const CommandDescription& command : commands) {
    for (const FlagDescription& flag : command.flags) {
      if (flag.value.empty()) continue;
      patterns += (patterns.empty() ? "'" : "|'") + PathOf(command) + " " + flag.names.back() + "'";
    }
  }
  return patterns;
}

// Finds out where the word to be completed stands: the command's path, the number of arguments
// before it, and the job among them. The same text for bash and zsh but for the names of arrays.
std::string WalkOfWords(const std::vector<CommandDescription>& commands, const std::string& words,
                        const std::string& first, const std::string& current,
                        const std::string& at_double_dash) {
  return "  for ((i = " + first + "; i < " + current +
         "; ++i)); do\n"
         "    if [[ -n $skip ]]; then skip=''; continue; fi\n"
         "    case \"$at ${" +
         words + "[i]}\" in\n      " + ValueFlagPatterns(commands) +
         ") skip=yes; continue ;;\n"
         "      " +
         PathPatterns(commands) + ") at=\"$at ${" + words +
         "[i]}\"; continue ;;\n    esac\n"
         "    case ${" +
         words + "[i]} in\n      --) " + at_double_dash +
         " ;;\n"
         "      -*) ;;\n"
         "      *) count=$((count + 1)); [[ $count == 1 ]] && job=${" +
         words + "[i]} ;;\n    esac\n  done\n";
}

std::string Bash(const std::vector<CommandDescription>& commands) {
  std::string script =
      "# bash completion for stagelog: eval \"$(stagelog completion bash)\"\n"
      "_stagelog_words() {  # what kind of argument, which job\n"
      "  case $1 in\n"
      "    jobs) " +
      std::string(kJobIds) + " ;;\n    gates) [[ -z $2 ]] || " + GateNames("\"$2\"", false) +
      " ;;\n    pending_gates) [[ -z $2 ]] || " + GateNames("\"$2\"", true) +
      " ;;\n    subcommands) case $2 in" + SubcommandBranches(commands, "echo '%s'") +
      " esac ;;\n    *) printf '%s\\n' \"$1\" ;;\n"
      "  esac\n"
      "}\n"
      "_stagelog() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} at='' i words=''\n"
      "  local first='' second='' kind='' skip='' count=0 job='' list='' prefix=''\n"
      "  # bash splits --flag=value.\n"
      "  if [[ $word == = ]]; then word=''\n"
      "  elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD-2]}; fi\n" +
      WalkOfWords(commands, "COMP_WORDS", "1", "COMP_CWORD", "compopt -o default; return");
  script += "  case $at in\n";
  for (const CommandDescription& command : commands) {
    const std::string first = ArgumentKind(command, 0);
    const std::string second = ArgumentKind(command, 1);
    script += "    '" + PathOf(command) + "') words='" + Words(command, true) + "'";
    if (!first.empty()) script += "; first='" + first + "'";
    if (!second.empty()) script += "; second='" + second + "'";
    script += " ;;\n";
  }
  script +=
      "  esac\n"
      "  [[ $count == 0 ]] && kind=$first\n"
      "  [[ $count == 1 ]] && kind=$second\n"
      "  if [[ -n $kind && $word != -* ]]; then\n"
      "    words=$(_stagelog_words \"$kind\" \"$job\")\n"
      "    # Within `stagelog run` the job may be left out.\n"
      "    [[ $count == 0 && -n $second && $second != subcommands && -n $STAGELOG_JOB ]] &&\n"
      "      words+=\" $(_stagelog_words \"$second\" \"$STAGELOG_JOB\")\"\n"
      "  fi\n"
      "  # The word after a flag is its value, whatever else the command takes.\n"
      "  case \"$at $before\" in\n";
  for (const CommandDescription& command : commands) {
    for (const FlagDescription& flag : command.flags) {
      if (flag.value.empty()) continue;
      script += "    '" + PathOf(command) + " " + flag.names.back() + "') words='" +
                Joined(flag.offer.values) + "'" + (flag.offer.is_list ? "; list=yes" : "") +
                " ;;\n";
    }
  }
  return script +
         "  esac\n"
         "  [[ -n $list && $word == *,* ]] && prefix=${word%,*},\n"
         "  COMPREPLY=($(compgen -P \"$prefix\" -W \"$words\" -- \"${word#\"$prefix\"}\"))\n"
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
      "  local at='' skip='' job='' kind='' first='' second='' i\n"
      "  local -i count=0\n" +
      WalkOfWords(commands, "words", "2", "CURRENT", "_files; return") +
      "  local -a offers values\n"
      "  case $at in\n";
  for (const CommandDescription& command : commands) {
    script += "    '" + PathOf(command) + "')\n      offers=(";
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
    script += ")\n      first='" + ArgumentKind(command, 0) + "' second='" +
              ArgumentKind(command, 1) + "' ;;\n";
  }
  script +=
      "  esac\n"
      "  (( count == 0 )) && kind=$first\n"
      "  (( count == 1 )) && kind=$second\n"
      "  if [[ -n $kind && ${words[CURRENT]} != -* ]]; then\n"
      "    offers=()\n"
      "    if (( count == 0 )) && [[ -n $second && $second != subcommands && -n $STAGELOG_JOB ]]; "
      "then\n"
      "      job=$STAGELOG_JOB kind=\"$first $second\"\n"
      "    fi\n"
      "    case $kind in (*jobs*) offers+=(${(f)\"$(" +
      std::string(kJobIds) +
      ")\"}) ;; esac\n"
      "    case $kind in\n"
      "      (*pending_gates*) offers+=(${(f)\"$(" +
      GateNames("$job", true) +
      ")\"}) ;;\n"
      "      (*gates*) offers+=(${(f)\"$(" +
      GateNames("$job", false) +
      ")\"}) ;;\n"
      "      (subcommands) case $job in" +
      SubcommandBranches(commands, "offers+=(%s)") +
      " esac ;;\n"
      "      (*) offers+=(${${=kind}:#jobs}) ;;\n"
      "    esac\n"
      "  fi\n"
      "  case \"$at ${words[CURRENT-1]}\" in\n";
  for (const CommandDescription& command : commands) {
    for (const FlagDescription& flag : command.flags) {
      if (flag.value.empty()) continue;
      script += "    '" + PathOf(command) + " " + flag.names.back() + "')";
      // Lists are completed by a function of zsh's own.
      script += flag.offer.is_list ? " values=(" + Joined(flag.offer.values) +
                                         "); _values -s , value $values; return"
                                   : " offers=(" + Joined(flag.offer.values) + ")";
      script += " ;;\n";
    }
  }
  return script +
         "  esac\n"
         "  _describe 'stagelog' offers || _files\n"
         "}\n"
         "[[ $funcstack[1] == _stagelog ]] && _stagelog \"$@\" || compdef _stagelog stagelog\n";
}

std::string FishText(const std::string& text) { return Replace(text, "'", "\\'"); }

// Words that fish offers for an argument, as an argument of `complete -a` in double quotes.
std::string FishWords(const std::string& kind) {
  if (kind == "jobs") return "(" + Replace(kJobIds, "\"", "\\\"") + ")";
  const bool is_gate = kind == "gates" || kind == "pending_gates";
  if (!is_gate) return kind;
  return "(" + Replace(GateNames("(__stagelog_job)", kind == "pending_gates"), "\"", "\\\"") + ")";
}

std::string Fish(const std::vector<CommandDescription>& commands) {
  std::string flags;
  for (const CommandDescription& command : commands) {
    for (const FlagDescription& flag : command.flags) {
      const std::string name = " " + flag.names.back();
      if (!flag.value.empty() && (flags + " ").find(name + " ") == std::string::npos) flags += name;
    }
  }
  std::string script =
      "# fish completion for stagelog: stagelog completion fish | source\n"
      "function __stagelog_names  # the words before the cursor but for flags and their values\n"
      "  set -l skip no\n"
      "  for word in (commandline -opc)[2..-1]\n"
      "    if test $skip = yes\n"
      "      set skip no\n"
      "    else if contains -- $word" +
      flags +
      "\n"
      "      set skip yes\n"
      "    else if not string match -q -- '-*' $word\n"
      "      echo $word\n"
      "    end\n"
      "  end\n"
      "end\n"
      "function __stagelog_at  # directly after these words\n"
      "  set -l names (__stagelog_names)\n"
      "  for i in (seq (count $argv))\n"
      "    test \"$names[$i]\" = \"$argv[$i]\"; or return 1\n"
      "  end\n"
      "end\n"
      "function __stagelog_argument  # N words after the given ones\n"
      "  set -l names (__stagelog_names)\n"
      "  __stagelog_at $argv[2..-1]; and test (count $names) = (math (count $argv) - 1 + "
      "$argv[1])\n"
      "end\n"
      "function __stagelog_job  # the job argument of `gate COMMAND` or `COMMAND`\n"
      "  set -l names (__stagelog_names)\n"
      "  test \"$names[1]\" = gate; and echo $names[3]; or echo $names[2]\n"
      "end\n";
  for (const CommandDescription& command : commands) {
    // Where no word follows the command yet, and where some may.
    const std::string right_behind =
        "__stagelog_argument 0" + (command.path.empty() ? "" : " " + command.path);
    const std::string here = command.path.empty() ? right_behind : "__stagelog_at " + command.path;
    for (const CommandDescription& other : commands) {
      const size_t last = other.path.find_last_of(' ');
      const std::string parent = last == std::string::npos ? "" : other.path.substr(0, last);
      if (other.path.empty() || parent != command.path) continue;
      const std::string name = last == std::string::npos ? other.path : other.path.substr(last + 1);
      script += "complete -c stagelog -f -n '" + right_behind + "' -a " + name + " -d '" +
                FishText(other.description) + "'\n";
    }
    for (const FlagDescription& flag : command.flags) {
      const std::string values = Joined(flag.offer.values);
      const std::string words = flag.offer.is_list ? "(__fish_append , " + values + ")" : values;
      script += "complete -c stagelog -n '" + here + "' -l " + flag.names.back().substr(2) +
                (flag.value.empty() ? "" : " -r") +
                (values.empty() ? "" : " -f -a '" + words + "'") + " -d '" +
                FishText(flag.description) + "'\n";
    }
    if (!command.path.empty() && !command.commands.empty()) {
      script += "complete -c stagelog -f -n '__stagelog_argument 0 " + std::string(kHelp) + " " +
                command.path + "' -a \"" + Joined(command.commands) + "\"\n";
    }
    for (size_t i = 0; i < command.arguments.size(); ++i) {
      const std::string kind = ArgumentKind(command, i);
      if (kind.empty() || command.path.empty()) continue;
      script += "complete -c stagelog -f -n '__stagelog_argument " + std::to_string(i) + " " +
                command.path + "' -a \"" + FishWords(kind) + "\"\n";
    }
  }
  return script;
}

}  // namespace

void AddCompletion(CommandLine& line) {
  const Command command =
      AddCommand(line, "completion", "Print a completion script for bash, zsh or fish",
                 "  eval \"$(stagelog completion bash)\"            (in ~/.bashrc)\n"
                 "  eval \"$(stagelog completion zsh)\"             (in ~/.zshrc, after compinit)\n"
                 "  stagelog completion fish > ~/.config/fish/completions/stagelog.fish");
  auto shell = std::make_shared<std::string>();
  command.AddOption("shell", *shell, "bash, zsh or fish").Required().OneOf({"bash", "zsh", "fish"});
  command.OnSelected([&line, shell] {
    line.action = [&line, shell](Context& context) -> CliResult<ExitCode> {
      const auto commands = DescribeCommands(line);
      const std::string script = *shell == "bash"  ? Bash(commands)
                                 : *shell == "zsh" ? Zsh(commands)
                                                   : Fish(commands);
      if (CliStatus said = context.out.Write(script); !said) return tl::unexpected(said.error());
      return ExitCode::kOk;
    };
  });
}

}  // namespace stagelog::cli
