#include "client/settings.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/file_system.h"
#include "base/nearest.h"

namespace stagelog::cli {
namespace {

constexpr const char* kDefaultUrl = "http://127.0.0.1:8008";
// The shipped configuration's; with it a daemon serves this machine only.
constexpr const char* kDefaultToken = "default-admin-token-change-me";
constexpr std::array<std::string_view, 3> kKeys = {"url", "token", "color"};

constexpr uint64_t kMaxBytes = 1 << 20;

// The settings may be a symbolic link into somebody's dotfiles.
std::string RealPath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  return error ? path : real.string();
}

struct Sourced {
  std::string value;
  std::string source;
};

// The settings file's values, each with where it stands.
struct FileSettings {
  std::optional<Sourced> url;
  std::optional<Sourced> token;
  std::optional<Sourced> color;
};

CliStatus TakeKey(const YAML::Node& key, const YAML::Node& value, const std::string& path,
                  FileSettings& settings) {
  const std::string where = path + ":" + std::to_string(key.Mark().line + 1);
  if (!key.IsScalar() || !value.IsScalar()) {
    return Fail(ExitCode::kUsage, where + ": expected `key: value`, such as url: http://...");
  }
  const std::string name = key.as<std::string>();
  Sourced sourced{value.as<std::string>(), where};
  if (name == "url") {
    settings.url = std::move(sourced);
  } else if (name == "token") {
    settings.token = std::move(sourced);
  } else if (name == "color") {
    settings.color = std::move(sourced);
  } else {
    return Fail(ExitCode::kUsage, where + ": unknown key '" + name + "'" + DidYouMean(name, kKeys));
  }
  return {};
}

CliResult<FileSettings> ReadFileSettings(const std::string& path) {
  FileSettings settings;
  struct stat info {};
  if (path.empty() || (::stat(path.c_str(), &info) != 0 && errno == ENOENT)) return settings;
  try {
    const Result<std::string> text = ReadWholeFile(RealFileSystem(), RealPath(path), kMaxBytes);
    if (!text) return Fail(ExitCode::kUsage, text.error().message);
    const YAML::Node root = YAML::Load(*text);
    if (root.IsNull()) return settings;
    if (!root.IsMap()) {
      return Fail(ExitCode::kUsage,
                  path + ": expected `key: value` lines, such as url: http://127.0.0.1:8008");
    }
    for (const auto& entry : root) {
      if (CliStatus taken = TakeKey(entry.first, entry.second, path, settings); !taken) {
        return tl::unexpected(taken.error());
      }
    }
  } catch (const YAML::Exception& problem) {
    return Fail(ExitCode::kUsage, path + ": cannot be read as YAML: " + problem.what());
  }
  return settings;
}

Sourced Choose(const std::string& flag, const std::string& flag_name,
               const std::optional<std::string>& variable, const std::string& variable_name,
               const std::optional<Sourced>& from_file, const std::string& otherwise) {
  if (!flag.empty()) return {flag, flag_name};
  if (variable) return {*variable, variable_name};
  if (from_file) return *from_file;
  return {otherwise, ""};
}

CliResult<std::string> CheckedUrl(Sourced url) {
  std::string& text = url.value;
  while (text.ends_with('/')) text.pop_back();
  const size_t scheme = text.find("://");
  const bool is_http = text.starts_with("http://") || text.starts_with("https://");
  const bool is_clean = text.find_first_of(" \t\r\n?#@") == std::string::npos;
  if (!is_http || !is_clean || scheme + 3 >= text.size()) {
    return Fail(ExitCode::kUsage, url.source + ": '" + text +
                                      "' is not the URL of a daemon; expected something like " +
                                      kDefaultUrl);
  }
  return text;
}

}  // namespace

std::optional<std::string> ProcessEnvironment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::string SettingsPath(const Environment& environment) {
  if (const auto folder = environment("XDG_CONFIG_HOME")) return *folder + "/stagelog/config.yaml";
  if (const auto home = environment("HOME")) return *home + "/.config/stagelog/config.yaml";
  return "";
}

CliResult<Settings> LoadSettings(const GlobalFlags& flags, const Environment& environment) {
  const auto file = ReadFileSettings(SettingsPath(environment));
  if (!file) return tl::unexpected(file.error());
  Settings settings;
  const auto url = CheckedUrl(Choose(flags.url, "--url", environment("STAGELOG_URL"),
                                     "STAGELOG_URL", file->url, kDefaultUrl));
  if (!url) return tl::unexpected(url.error());
  settings.url = *url;
  const Sourced token = Choose(flags.token, "--token", environment("STAGELOG_TOKEN"),
                               "STAGELOG_TOKEN", file->token, kDefaultToken);
  settings.token = token.value;
  settings.token_is_default = token.source.empty();
  if (settings.token.find_first_of("\r\n") != std::string::npos) {
    return Fail(ExitCode::kUsage, token.source + ": a token must be a single line");
  }
  const Sourced color = Choose(flags.color, "--color", std::nullopt, "", file->color, "auto");
  settings.color = color.value;
  if (settings.color != "auto" && settings.color != "always" && settings.color != "never") {
    return Fail(ExitCode::kUsage,
                color.source + ": '" + settings.color + "' must be auto, always or never");
  }
  return settings;
}

}  // namespace stagelog::cli
