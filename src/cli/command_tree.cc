#include "cli/command_tree.h"

#include <CLI/CLI.hpp>

namespace stagelog::cli {
namespace {

using Offers = std::map<const CLI::Option*, ValueOffer>;

FlagDescription Describe(const CLI::Option& option, const Offers& offers) {
  FlagDescription flag;
  for (const std::string& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flag.names.push_back("--" + name);
  if (flag.names.empty()) flag.names.push_back(option.get_name(true));
  flag.description = option.get_description();
  if (option.get_items_expected_max() > 0) {
    std::string value = option.get_type_name();
    const size_t choices = value.find('{');
    flag.value = choices == std::string::npos ? "VALUE" : value.substr(choices + 1);
    if (flag.value.ends_with('}')) flag.value.pop_back();
    if (choices != std::string::npos) flag.offer.values = CLI::detail::split(flag.value, ',');
  }
  if (const auto found = offers.find(&option); found != offers.end()) flag.offer = found->second;
  return flag;
}

void Add(const CLI::App& app, const std::string& path, const Offers& offers,
         std::vector<CommandDescription>& out) {
  CommandDescription command;
  command.path = path;
  command.description = app.get_description();
  command.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    FlagDescription flag = Describe(*option, offers);
    if (!option->get_positional()) {
      command.flags.push_back(std::move(flag));
      continue;
    }
    const bool is_many = option->get_items_expected_max() > 1;
    const std::string name = option->get_name(true) + (is_many ? "..." : "");
    command.usage += " " + (option->get_required() ? name : "[" + name + "]");
    command.arguments.push_back(std::move(flag));
  }
  const auto below = app.get_subcommands([](const CLI::App* sub) { return sub->get_name() != ""; });
  for (const CLI::App* sub : below) command.commands.push_back(sub->get_name());
  out.push_back(std::move(command));
  for (const CLI::App* sub : below) {
    Add(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), offers, out);
  }
}

}  // namespace

std::vector<CommandDescription> DescribeCommands(const CommandLine& line) {
  std::vector<CommandDescription> commands;
  Add(*line.app, "", line.offers, commands);
  return commands;
}

}  // namespace stagelog::cli
