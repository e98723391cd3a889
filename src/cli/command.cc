#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "base/terminal_text.h"
#include "cli/screen.h"
#include "core/identifier.h"

namespace stagelog::cli {

Option Option::Required() const {
  option_->required();
  return *this;
}

Option Option::Group(const std::string& heading) const {
  option_->group(heading);
  return *this;
}

Option Option::Repeatable() const {
  option_->type_size(1)->allow_extra_args(false);
  return *this;
}

Option Option::OneOf(const std::vector<std::string>& values) const {
  option_->check(CLI::IsMember(values));
  return *this;
}

Option Option::Between(int64_t least, int64_t most) const {
  option_->check(CLI::Range(least, most));
  return *this;
}

Option Option::NotNegative() const {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

Option Option::Name(bool (*is_name)(std::string_view)) const {
  option_->check(CLI::Validator(
      [is_name](const std::string& text) {
        if (is_name(text)) return std::string();
        return "'" + EscapeControls(Shorten(text, 60)) +
               "' is not a valid name: " + std::string(kNameRule);
      },
      "", "name"));
  return *this;
}

Option Option::Needs(const Option& other) const {
  option_->needs(other.option_);
  return *this;
}

Option Option::Excludes(const Option& other) const {
  option_->excludes(other.option_);
  return *this;
}

bool Option::WasGiven() const { return option_->count() > 0; }

Option Command::AddOption(const std::string& name, std::string& value,
                          const std::string& description) const {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, std::optional<std::string>& value,
                          const std::string& description) const {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, std::vector<std::string>& values,
                          const std::string& description) const {
  return Option(app_->add_option(name, values, description));
}

Option Command::AddOption(const std::string& name, int64_t& value,
                          const std::string& description) const {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, size_t& value,
                          const std::string& description) const {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name, int& value,
                          const std::string& description) const {
  return Option(app_->add_option(name, value, description));
}

Option Command::AddOption(const std::string& name,
                          const std::function<void(const std::string&)>& take,
                          const std::string& description) const {
  return Option(app_->add_option_function<std::string>(name, take, description));
}

Option Command::AddFlag(const std::string& name, bool& is_given,
                        const std::string& description) const {
  return Option(app_->add_flag(name, is_given, description));
}

void Command::OnSelected(std::function<void()> action) const { app_->callback(std::move(action)); }

void Command::ArgumentsAtEnd() const { app_->positionals_at_end(); }

void Command::RequireCommandBelow() const { app_->require_subcommand(1); }

}  // namespace stagelog::cli
