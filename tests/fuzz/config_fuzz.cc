// The configuration: whatever stands in the file, it is understood or its problems are named, and
// no token is ever repeated.
#include <algorithm>

#include "app/config.h"
#include "base/check.h"
#include "base/logging.h"
#include "core/json_text.h"
#include "tests/fuzz/fuzz_target.h"

namespace stagelog {
namespace {

constexpr std::string_view kSecret = "nobody-may-read-this";

void CheckProblems(const ConfigProblems& problems) {
  STAGELOG_CHECK(!problems.empty());
  for (const std::string& problem : problems) {
    STAGELOG_CHECK(problem.starts_with("fuzz.yaml:") && problem.size() > 12);
    const bool has_control = std::any_of(problem.begin(), problem.end(),
                                         [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    if (has_control) CheckSameText("a problem with control characters", problem, "");
  }
}

// JSON is YAML, but for the escapes of bytes that are no UTF-8.
std::string List(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) {
    list += list.empty() ? "[" : ", ";
    AppendJsonString(list, text);
  }
  return list.empty() ? "[]" : list + "]";
}

std::string ServerSection(const ServerConfig& server) {
  return "server:\n  host: \"" + server.host + "\"\n  port: " + std::to_string(server.port) +
         "\n  log_level: " + std::string(LogLevelName(server.log_level)) +
         "\n  hosts: " + List(server.hosts) +
         "\n  allowed_origins: " + List(server.allowed_origins) + "\n";
}

std::string TokensSection(const std::vector<TokenEntry>& tokens) {
  std::string text = "auth:\n  tokens:\n";
  for (const TokenEntry& token : tokens) {
    text +=
        "    - {name: \"" + token.name + "\", token_sha256: \"" + token.sha256_hex + "\", roles: [";
    for (const Role role : token.roles) text += std::string(RoleName(role)) + ", ";
    text += "]}\n";
  }
  return text;
}

std::string LimitsSection(const LimitsConfig& limits) {
  const auto member = [](const char* name, auto value) {
    return "  " + std::string(name) + ": " + std::to_string(value) + "\n";
  };
  return "limits:\n" + member("request_bytes", limits.request_bytes) +
         member("bodies_in_flight_bytes", limits.bodies_in_flight_bytes) +
         member("head_bytes", limits.head_bytes) +
         member("head_timeout_seconds", limits.head_timeout_seconds) +
         member("body_timeout_seconds", limits.body_timeout_seconds) +
         member("keep_alive_timeout_seconds", limits.keep_alive_timeout_seconds) +
         member("append_queue_bytes", limits.append_queue_bytes);
}

// What was understood, written down and read again, is the same.
void CheckRoundTrip(const Config& config) {
  std::string text = ServerSection(config.server) + TokensSection(config.tokens) +
                     LimitsSection(config.limits) +
                     "storage:\n  open_files: " + std::to_string(config.storage.open_files) + "\n";
  const auto again = ParseConfig(text, "fuzz.yaml");
  if (!again) CheckSameText("a configuration that is refused", again.error().front(), text);
  Config expected = config;
  expected.storage.runs_dir = again->storage.runs_dir;  // may hold any bytes
  expected.stream = again->stream;
  STAGELOG_CHECK(expected == *again);
}

void CheckConfig(const Config& config) {
  STAGELOG_CHECK(!config.tokens.empty());
  for (const TokenEntry& token : config.tokens) {
    STAGELOG_CHECK(token.sha256_hex.size() == 64 && !token.roles.empty() && !token.name.empty());
  }
  const TokenTable table(config.tokens);
  STAGELOG_CHECK(!table.Authenticate("Bearer " + std::string(kSecret) + "-"));
  static_cast<void>(CheckDefaultTokenIsLocal(config));
}

}  // namespace

STAGELOG_FUZZ_TARGET(config) {
  const auto config = ParseConfig(input, "fuzz.yaml");
  if (config) {
    CheckConfig(*config);
    CheckRoundTrip(*config);
  } else {
    CheckProblems(config.error());
  }
  // Whatever follows a token, it is not repeated.
  if (input.find("read") != input.npos) return;  // the mutations have found it out
  const std::string with_secret =
      "auth:\n  tokens:\n    - name: one\n      token: " + std::string(kSecret) +
      std::string(input);
  const auto secret = ParseConfig(with_secret, "fuzz.yaml");
  if (secret) return;
  CheckProblems(secret.error());
  for (const std::string& problem : secret.error()) {
    if (problem.find(kSecret) != problem.npos) CheckSameText("a token is told", problem, "");
  }
}

}  // namespace stagelog
