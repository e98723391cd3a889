// Commands and their options, as the files of the commands declare them. CLI11 parses them; its
// headers are kept out of here, since each file that includes them takes some ten seconds to
// compile.
#ifndef STAGELOG_CLI_COMMAND_H_
#define STAGELOG_CLI_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace stagelog::cli {

// A flag or an argument of a command. A handle: copies refer to the same option, which lives as
// long as the command line it was added to.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option Required() const;
  // The heading in the help.
  Option Group(const std::string& heading) const;
  // Takes one value each time it is given, and may be given again.
  Option Repeatable() const;
  Option OneOf(const std::vector<std::string>& values) const;
  Option Between(int64_t least, int64_t most) const;
  Option NotNegative() const;
  // A name as the journal has them (core/identifier.h).
  Option Name(bool (*is_name)(std::string_view)) const;
  Option Needs(const Option& other) const;
  Option Excludes(const Option& other) const;

  bool WasGiven() const;  // once the command line was parsed
  const CLI::Option* get() const { return option_; }

 private:
  CLI::Option* option_;
};

// A command. A handle, like Option. Variables bound to options must live until the command has run.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  // A name without dashes is an argument.
  Option AddOption(const std::string& name, std::string& value,
                   const std::string& description) const;
  Option AddOption(const std::string& name, std::optional<std::string>& value,
                   const std::string& description) const;
  Option AddOption(const std::string& name, std::vector<std::string>& values,
                   const std::string& description) const;
  Option AddOption(const std::string& name, int64_t& value, const std::string& description) const;
  Option AddOption(const std::string& name, size_t& value, const std::string& description) const;
  Option AddOption(const std::string& name, int& value, const std::string& description) const;
  Option AddOption(const std::string& name, const std::function<void(const std::string&)>& take,
                   const std::string& description) const;
  Option AddFlag(const std::string& name, bool& is_given, const std::string& description) const;

  // Called if the command was selected and its command line is valid.
  void OnSelected(std::function<void()> action) const;
  // Everything after the first argument is an argument too.
  void ArgumentsAtEnd() const;
  // Requires one of its subcommands.
  void RequireCommandBelow() const;

  CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_COMMAND_H_
