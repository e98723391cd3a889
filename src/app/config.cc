#include "app/config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "app/text_file.h"
#include "app/token_entries.h"
#include "app/webhook_entries.h"
#include "app/yaml_document.h"
#include "app/yaml_value.h"
#include "base/logging.h"
#include "base/sha256.h"
#include "base/text.h"
#include "core/identifier.h"
#include "core/labels.h"
#include "core/level_words.h"
#include "follow/webhook/http_sender.h"
#include "follow/webhook/public_address.h"
#include "http/cors.h"
#include "http/host_check.h"

namespace stagelog {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;
constexpr int64_t kOneMebibyte = int64_t{1} << 20;
constexpr int64_t kOneTebibyte = int64_t{1} << 40;
constexpr int64_t kOneDaySeconds = 86400;
constexpr int64_t kMaxDays = 36'500;
constexpr size_t kMaxMetricLabels = 8;
constexpr size_t kMaxCertificateBytes = size_t{16} << 20;

// --- The table of keys ---

using ReadValue = std::function<void(const YamlValue& value, Config& config)>;
using IsSame = std::function<bool(const Config& a, const Config& b)>;
using TextRule = bool (*)(std::string_view text);

// What is done with a key's value.
struct KeyRule {
  ReadValue read;
  IsSame is_same;  // whether both configurations have the same value
};

struct Key {
  std::string_view path;  // "section.key"
  KeyRule rule;
};

template <typename Section, typename Value>
IsSame SameIn(Section Config::*section, Value Section::*member) {
  return [=](const Config& a, const Config& b) { return a.*section.*member == b.*section.*member; };
}

template <typename Section, typename Number>
KeyRule NumberIn(Section Config::*section, Number Section::*member, int64_t min, int64_t max) {
  const auto read = [=](const YamlValue& value, Config& config) {
    const std::optional<int64_t> number = value.WholeNumber(min, max);
    if (number) config.*section.*member = static_cast<Number>(*number);
  };
  return {read, SameIn(section, member)};
}

std::optional<std::string> TextBy(const YamlValue& value, TextRule rule, const std::string& what) {
  std::optional<std::string> text = value.Text();
  if (text && !rule(*text)) value.Fail(value.MustBe(what));
  return text;
}

template <typename Section>
KeyRule TextIn(Section Config::*section, std::string Section::*member, TextRule rule,
               const std::string& what) {
  const auto read = [=](const YamlValue& value, Config& config) {
    const std::optional<std::string> text = TextBy(value, rule, what);
    if (text) config.*section.*member = *text;
  };
  return {read, SameIn(section, member)};
}

// A list, or one text, which stands for a list of it.
template <typename Section>
KeyRule TextsIn(Section Config::*section, std::vector<std::string> Section::*member, TextRule rule,
                const std::string& what) {
  const auto read = [=](const YamlValue& value, Config& config) {
    std::vector<std::string> texts;
    const std::optional<std::vector<YamlValue>> items = value.ItemsOrOne();
    if (!items) return;
    for (const YamlValue& item : *items) {
      texts.push_back(TextBy(item, rule, what).value_or(""));
    }
    config.*section.*member = std::move(texts);
  };
  return {read, SameIn(section, member)};
}

void ReadLogLevel(const YamlValue& value, Config& config) {
  const std::optional<std::string> text = value.Text();
  if (!text) return;
  const std::optional<LogLevel> level = LogLevelOf(*text);
  if (!level) {
    value.Fail(value.MustBe("one of trace debug info warning error critical off"));
    return;
  }
  config.server.log_level = *level;
}

bool IsOriginOrAll(std::string_view text) { return text == "*" || IsOrigin(text); }

bool IsPath(std::string_view text) { return !text.empty() && text.find('\0') == text.npos; }

std::vector<Key> ServerKeys() {
  return {
      {"server.host", TextIn(&Config::server, &ServerConfig::host, &IsHostName,
                             "an IP address or a host name, without a port")},
      {"server.port", NumberIn(&Config::server, &ServerConfig::port, 0, 65535)},
      {"server.log_level", {&ReadLogLevel, SameIn(&Config::server, &ServerConfig::log_level)}},
      {"server.hosts",
       TextsIn(&Config::server, &ServerConfig::hosts, &IsHostName, "a host name without a port")},
      {"server.allowed_origins",
       TextsIn(&Config::server, &ServerConfig::allowed_origins, &IsOriginOrAll,
               "\"*\" or an origin such as http://localhost:5173 (no path, no default port of the "
               "scheme)")},
  };
}

std::vector<Key> StorageKeys() {
  return {
      {"storage.runs_dir",
       TextIn(&Config::storage, &StorageConfig::runs_dir, &IsPath, "a folder path")},
      {"storage.open_files", NumberIn(&Config::storage, &StorageConfig::open_files, 16, 65536)},
      {"storage.backup_dir",
       TextIn(&Config::storage, &StorageConfig::backup_dir, &IsPath, "a folder path")},
      {"storage.events_retention_days",
       NumberIn(&Config::storage, &StorageConfig::events_retention_days, 0, kMaxDays)},
      {"storage.max_events_per_job",
       NumberIn(&Config::storage, &StorageConfig::max_events_per_job, 0, kOneTebibyte)},
      {"storage.compress_after_days",
       NumberIn(&Config::storage, &StorageConfig::compress_after_days, 0, kMaxDays)},
      {"storage.runs_retention_days",
       NumberIn(&Config::storage, &StorageConfig::runs_retention_days, 0, kMaxDays)},
  };
}

std::vector<Key> LimitsKeys() {
  constexpr auto kLimits = &Config::limits;
  using L = LimitsConfig;
  return {
      {"limits.request_bytes", NumberIn(kLimits, &L::request_bytes, 1024, 1024 * kOneMebibyte)},
      {"limits.bodies_in_flight_bytes",
       NumberIn(kLimits, &L::bodies_in_flight_bytes, 1024, kOneTebibyte)},
      {"limits.head_bytes", NumberIn(kLimits, &L::head_bytes, 1024, kOneMebibyte)},
      {"limits.head_timeout_seconds",
       NumberIn(kLimits, &L::head_timeout_seconds, 1, kOneDaySeconds)},
      {"limits.body_timeout_seconds",
       NumberIn(kLimits, &L::body_timeout_seconds, 1, kOneDaySeconds)},
      {"limits.keep_alive_timeout_seconds",
       NumberIn(kLimits, &L::keep_alive_timeout_seconds, 1, kOneDaySeconds)},
      {"limits.append_queue_bytes", NumberIn(kLimits, &L::append_queue_bytes, 1024, kOneTebibyte)},
  };
}

std::vector<Key> StreamKeys() {
  constexpr auto kStream = &Config::stream;
  using S = StreamConfig;
  return {
      {"stream.stall_timeout_seconds",
       NumberIn(kStream, &S::stall_timeout_seconds, 1, kOneDaySeconds)},
      {"stream.retry_ms", NumberIn(kStream, &S::retry_ms, 1, 3'600'000)},
      {"stream.ring_bytes", NumberIn(kStream, &S::ring_bytes, 4096, kOneTebibyte)},
      {"stream.job_ring_bytes", NumberIn(kStream, &S::job_ring_bytes, 4096, kOneTebibyte)},
      {"stream.send_buffer_bytes", NumberIn(kStream, &S::send_buffer_bytes, 128 << 10, 64 << 20)},
      {"stream.reader_threads", NumberIn(kStream, &S::reader_threads, 1, 16)},
  };
}

KeyRule JobLabels() {
  KeyRule rule = TextsIn(&Config::metrics, &MetricsConfig::job_labels, &IsLabelKey,
                         "a label key: 1 to 63 letters, digits, '.', '_', '/' or '-'");
  rule.read = [read = rule.read](const YamlValue& value, Config& config) {
    read(value, config);
    if (config.metrics.job_labels.size() > kMaxMetricLabels) {
      value.Fail(value.MustBe("a list of at most 8 keys"));
    }
  };
  return rule;
}

bool IsPublicUrl(std::string_view text) {
  const bool is_url = text.starts_with("http://") || text.starts_with("https://");
  return text.empty() ||
         (is_url && !text.ends_with('/') && text.find_first_of(" \"\\") == text.npos);
}

bool IsPathOrNothing(std::string_view text) { return text.empty() || IsPath(text); }

std::vector<Key> WebhooksKeys() {
  const auto read_allow = [](const YamlValue& value, Config& config) {
    if (const auto allow = value.Boolean()) config.webhooks.allow_private = *allow;
  };
  const auto read_targets = [](const YamlValue& value, Config& config) {
    if (auto targets = ReadWebhookEntries(value)) config.webhooks.targets = std::move(*targets);
  };
  return {
      {"webhooks.allow_private",
       {read_allow, SameIn(&Config::webhooks, &WebhooksConfig::allow_private)}},
      {"webhooks.ca_file", TextIn(&Config::webhooks, &WebhooksConfig::ca_file, &IsPathOrNothing,
                                  "the path of a file with certificates (PEM)")},
      {"webhooks.public_url",
       TextIn(&Config::webhooks, &WebhooksConfig::public_url, &IsPublicUrl,
              "a URL such as https://journal.example.org, without a slash at its end")},
      {"webhooks.timeout_seconds",
       NumberIn(&Config::webhooks, &WebhooksConfig::timeout_seconds, 1, 300)},
      {"webhooks.targets", {read_targets, SameIn(&Config::webhooks, &WebhooksConfig::targets)}},
  };
}

const std::vector<Key>& Keys() {
  static const std::vector<Key> keys = [] {
    std::vector<Key> all = ServerKeys();
    all.push_back({"auth.tokens",
                   {[](const YamlValue& value, Config& config) {
                      if (auto tokens = ReadTokenEntries(value)) config.tokens = std::move(*tokens);
                    },
                    [](const Config& a, const Config& b) { return a.tokens == b.tokens; }}});
    for (const auto& section : {StorageKeys(), LimitsKeys(), StreamKeys()}) {
      all.insert(all.end(), section.begin(), section.end());
    }
    all.push_back({"metrics.job_labels", JobLabels()});
    const std::vector<Key> webhooks = WebhooksKeys();
    all.insert(all.end(), webhooks.begin(), webhooks.end());
    return all;
  }();
  return keys;
}

constexpr std::array<std::string_view, 7> kSections = {"server", "auth",    "storage", "limits",
                                                       "stream", "metrics", "webhooks"};

// The keys of one section, without its name.
std::vector<std::string_view> KeysOfSection(std::string_view section) {
  std::vector<std::string_view> keys;
  for (const std::string_view path : ConfigKeys()) {
    const size_t dot = path.find('.');
    if (path.substr(0, dot) == section) keys.push_back(path.substr(dot + 1));
  }
  return keys;
}

// --- Reading a document ---

// Reads one document into a Config and notes what is wrong with it.
class ConfigReader {
 public:
  explicit ConfigReader(YamlProblems* problems) : problems_(problems) {}

  Config Read(const YAML::Node& document) {
    const YamlValue root(document, 1, "", problems_);
    for (const auto& [name, section] : root.Members(kSections, ConfigKeys())) {
      ReadSection(name, name == "auth" ? section.Secret() : section);
    }
    if (problems_->empty()) CheckTogether();
    return std::move(config_);
  }

 private:
  void ReadSection(std::string_view name, const YamlValue& section) {
    for (const auto& [key, value] : section.Members(KeysOfSection(name), ConfigKeys())) {
      ReadKey(value);
    }
  }

  void ReadKey(const YamlValue& value) {
    lines_[value.path()] = value.line();
    for (const Key& key : Keys()) {
      if (key.path == value.path()) key.rule.read(value, config_);
    }
  }

  // Values that are good alone but not beside each other.
  void CheckTogether() {
    CheckHoldsOneRequest("limits.bodies_in_flight_bytes", config_.limits.bodies_in_flight_bytes);
    CheckHoldsOneRequest("limits.append_queue_bytes", config_.limits.append_queue_bytes);
  }

  void CheckHoldsOneRequest(const std::string& path, size_t bytes) {
    const size_t request_bytes = config_.limits.request_bytes;
    if (bytes >= request_bytes) return;
    const int line = lines_.contains(path) ? lines_[path] : lines_["limits.request_bytes"];
    problems_->Add(line, path,
                   "must be at least limits.request_bytes (" + std::to_string(request_bytes) +
                       "), not " + std::to_string(bytes));
  }

  YamlProblems* problems_;
  Config config_;
  std::map<std::string, int> lines_;  // of the keys that the document has
};

}  // namespace

std::optional<LogLevel> LogLevelOf(std::string_view word) {
  if (const auto level = ParseLogLevel(LowerCase(word))) return level;
  return ParseLogLevel(LevelOfWord(word));
}

TokenEntry DefaultTokenEntry() {
  return {.name = "admin", .sha256_hex = Sha256Hex(kDefaultToken), .roles = {Role::kAdmin}};
}

bool Config::UsesDefaultToken() const {
  const std::string sha256_hex = Sha256Hex(kDefaultToken);
  return std::any_of(tokens.begin(), tokens.end(), [&sha256_hex](const TokenEntry& entry) {
    return entry.sha256_hex == sha256_hex;
  });
}

tl::expected<Config, ConfigProblems> ParseConfig(std::string_view yaml,
                                                 const std::string& file_name) {
  if (yaml.size() > kMaxFileBytes) {
    return tl::unexpected<ConfigProblems>({file_name + ": must be at most 1 MiB"});
  }
  YamlProblems problems(file_name);
  const YAML::Node document = ParseYamlDocument(std::string(yaml), problems);
  Config config = ConfigReader(&problems).Read(document);
  if (!problems.empty()) return tl::unexpected<ConfigProblems>(problems.Lines());
  return config;
}

tl::expected<Config, ConfigProblems> LoadConfig(const std::string& path) {
  const Result<std::string> text = ReadTextFile(path, kMaxFileBytes);
  if (!text) {
    return tl::unexpected<ConfigProblems>(
        {path + ": cannot read the file: " + text.error().message});
  }
  return ParseConfig(*text, path);
}

Status CheckDefaultTokenIsLocal(const Config& config) {
  if (!config.UsesDefaultToken() || IsLoopbackHost(config.server.host)) return {};
  return Failure(
      "auth.tokens still contains the public default token; with it the daemon listens on "
      "loopback only and refuses to start on any other address "
      "(server.host is '" +
      config.server.host + "'). Replace the token, or set server.host to 127.0.0.1.");
}

Status CheckBackupsAreOutside(const Config& config) {
  const auto whole = [](const std::string& path) {
    std::error_code error;
    std::filesystem::path found = std::filesystem::weakly_canonical(path, error);
    if (error) found = std::filesystem::path(path).lexically_normal();
    return found.has_filename() ? found : found.parent_path();
  };
  const auto runs = whole(config.storage.runs_dir);
  const auto backups = whole(config.storage.backup_dir);
  const auto [end, below] = std::mismatch(runs.begin(), runs.end(), backups.begin(), backups.end());
  const bool is_inside = end == runs.end();
  if (!is_inside || (below != backups.end() && !IsJobId(below->string()))) return {};
  return Failure("storage.backup_dir ('" + config.storage.backup_dir +
                 "') is inside storage.runs_dir, where every folder is a job; choose a folder "
                 "elsewhere (preferably on another disk) or a name that starts with 'stagelog.'");
}

Status CheckWebhookTargets(const Config& config) {
  const WebhooksConfig& webhooks = config.webhooks;
  if (!webhooks.ca_file.empty()) {
    const auto certificates = ReadTextFile(webhooks.ca_file, kMaxCertificateBytes);
    if (!certificates) {
      return Failure("webhooks.ca_file cannot be read: " + certificates.error().message);
    }
  }
  for (const Webhook& webhook : webhooks.targets) {
    const std::string host = HostOfUrl(webhook.url);
    if (webhooks.allow_private || IsPublicAddress(host).value_or(true)) continue;
    return Failure("the webhook '" + webhook.id + "' leads to an address that is not public (" +
                   host + "); allow that by webhooks.allow_private: true");
  }
  return {};
}

std::vector<std::string_view> ChangedKeys(const Config& before, const Config& after) {
  std::vector<std::string_view> changed;
  for (const Key& key : Keys()) {
    if (!key.rule.is_same(before, after)) changed.push_back(key.path);
  }
  return changed;
}

std::span<const std::string_view> ConfigKeys() {
  static const std::vector<std::string_view> paths = [] {
    std::vector<std::string_view> all;
    for (const Key& key : Keys()) all.push_back(key.path);
    return all;
  }();
  return paths;
}

}  // namespace stagelog
