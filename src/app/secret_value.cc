#include "app/secret_value.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "app/text_file.h"
#include "base/text.h"

namespace stagelog {
namespace {

bool IsVariableName(std::string_view name) {
  const bool begins_well = !name.empty() && !IsDigit(name.front());
  return begins_well && std::all_of(name.begin(), name.end(),
                                    [](char c) { return IsAlphanumeric(c) || c == '_'; });
}

}  // namespace

std::optional<std::string> ReadSecretFile(const YamlValue& value, const std::string& what,
                                          size_t max_bytes) {
  const std::optional<std::string> path = value.Text();
  if (!path) return std::nullopt;
  if (path->empty() || path->find('\0') != std::string::npos) {
    value.Fail("must be the path of a file that holds the " + what);
    return std::nullopt;
  }
  const auto folder = std::filesystem::path(value.file_name()).parent_path();
  const Result<std::string> text = ReadTextFile((folder / *path).string(), max_bytes);
  if (!text) {
    value.Fail("cannot read the file: " + text.error().message +
               (path->starts_with('/') || folder.empty()
                    ? ""
                    : "; relative paths are resolved from " + folder.string()));
    return std::nullopt;
  }
  return std::string(Trimmed(*text));
}

std::optional<std::string> ReadSecretVariable(const YamlValue& value, const std::string& what) {
  const std::optional<std::string> name = value.Text();
  if (!name) return std::nullopt;
  if (!IsVariableName(*name)) {
    value.Fail("must be the name of an environment variable that holds the " + what);
    return std::nullopt;
  }
  const char* secret = std::getenv(name->c_str());
  if (secret == nullptr || *secret == '\0') {
    value.Fail("the environment variable is unset or empty");
    return std::nullopt;
  }
  return secret;
}

}  // namespace stagelog
