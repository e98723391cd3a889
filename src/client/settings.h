// The address of the daemon and the token: from flags, else the environment, else the settings
// file, else the defaults of a local daemon.
#ifndef STAGELOG_CLIENT_SETTINGS_H_
#define STAGELOG_CLIENT_SETTINGS_H_

#include <functional>
#include <optional>
#include <string>

#include "client/exit_code.h"

namespace stagelog::cli {

// Flags that every command takes, as they were given.
struct GlobalFlags {
  std::string url;
  std::string token;
  std::string color;  // auto, always, never; empty: not given
  bool json = false;
};

struct Settings {
  std::string
      url;  // "http://127.0.0.1:8008", perhaps with a path in front of /api/v1; no '/' ends it
  std::string token;
  std::string color = "auto";
  bool token_is_default = false;  // nobody set one
};

// The value of an environment variable; none when unset or empty.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
std::optional<std::string> ProcessEnvironment(const std::string& name);

// $XDG_CONFIG_HOME/stagelog/config.yaml, else ~/.config/stagelog/config.yaml; empty without a home.
std::string SettingsPath(const Environment& environment);

// Unknown keys, values of the wrong kind and a URL that is none are errors that name their source.
CliResult<Settings> LoadSettings(const GlobalFlags& flags, const Environment& environment);

}  // namespace stagelog::cli

#endif  // STAGELOG_CLIENT_SETTINGS_H_
