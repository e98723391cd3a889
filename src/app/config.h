// The configuration of the daemon: a YAML file with known keys only, read into typed values.
// conf/operator.yaml shows every key with its default; an absent key has that default.
#ifndef STAGELOG_APP_CONFIG_H_
#define STAGELOG_APP_CONFIG_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/logging.h"
#include "base/result.h"
#include "core/webhook.h"
#include "http/access/auth.h"

namespace stagelog {

// The token of the shipped configuration. Everybody knows it.
inline constexpr std::string_view kDefaultToken = "default-admin-token-change-me";

struct ServerConfig {
  std::string host = "127.0.0.1";  // address or name to listen on
  int port = 8008;                 // 0: any free one
  LogLevel log_level = LogLevel::kInfo;
  std::vector<std::string> hosts;            // further names accepted in the Host header
  std::vector<std::string> allowed_origins;  // for CORS; "*" allows all

  bool operator==(const ServerConfig&) const = default;
};

struct StorageConfig {
  std::string runs_dir = "runs";  // relative to the working directory of the process
  size_t open_files = 256;        // how many events.jsonl are kept open
  // Limits for SQLite only; the files keep everything. 0: no limit.
  int64_t events_retention_days = 30;
  int64_t max_events_per_job = 1000;            // of a job that ended more than an hour ago
  std::string backup_dir = "stagelog.backups";  // relative to it too
  // The events.jsonl of a job that ended earlier becomes events.jsonl.zst; 0: never.
  int64_t compress_after_days = 0;
  int64_t runs_retention_days = 0;  // a job that ended earlier is deleted with its files; 0: never

  bool operator==(const StorageConfig&) const = default;
};

struct LimitsConfig {
  size_t request_bytes = size_t{16} << 20;            // body of one request
  size_t bodies_in_flight_bytes = size_t{256} << 20;  // bodies of all requests together
  size_t head_bytes = size_t{16} << 10;               // request line and headers
  int head_timeout_seconds = 10;                      // from a request's first byte
  int body_timeout_seconds = 60;                      // for each next 16 KiB of a body
  int keep_alive_timeout_seconds = 75;                // between two requests
  size_t append_queue_bytes = size_t{64} << 20;       // of drafts queued for the writer

  bool operator==(const LimitsConfig&) const = default;
};

struct StreamConfig {
  int stall_timeout_seconds = 60;           // close a subscriber that reads nothing for so long
  int retry_ms = 2000;                      // the `retry:` of an SSE stream
  size_t ring_bytes = size_t{8} << 20;      // frames kept for streams of all jobs
  size_t job_ring_bytes = size_t{1} << 20;  // frames kept for streams of one job, each
  int send_buffer_bytes = 128 << 10;        // SO_SNDBUF of a subscriber; the kernel doubles it
  int reader_threads = 1;                   // read the journal for subscribers behind the ring

  bool operator==(const StreamConfig&) const = default;
};

// The daemon's own log level by its word: trace, off, and what LevelOfWord() knows (WARN, err,
// ...), in any case. No value for an unknown word.
std::optional<LogLevel> LogLevelOf(std::string_view word);

// The token of the shipped configuration: `admin`, with the role of that name.
TokenEntry DefaultTokenEntry();

struct MetricsConfig {
  std::vector<std::string> job_labels;  // label keys by which jobs are counted

  bool operator==(const MetricsConfig&) const = default;
};

struct WebhooksConfig {
  bool allow_private = false;    // receivers at addresses that are not public
  std::string ca_file;           // certificates that receivers may have; empty: the system's
  std::string public_url;        // of the daemon, for links in messages; empty: what it listens on
  int timeout_seconds = 15;      // of one request
  std::vector<Webhook> targets;  // beside those that are made by the API

  bool operator==(const WebhooksConfig&) const = default;
};

struct Config {
  ServerConfig server;
  std::vector<TokenEntry> tokens = {DefaultTokenEntry()};  // auth.tokens; never empty
  StorageConfig storage;
  LimitsConfig limits;
  StreamConfig stream;
  MetricsConfig metrics;
  WebhooksConfig webhooks;

  // True when one of the tokens is the shipped one, whatever its name and however it is given.
  bool UsesDefaultToken() const;

  bool operator==(const Config&) const = default;
};

// All problems of a configuration, ordered by line, each "<file>:<line>: <key>: <what is wrong and
// what is expected>". Values under `auth` are never repeated in a message.
using ConfigProblems = std::vector<std::string>;

// Parses `yaml` (UTF-8, at most 1 MiB), and reads the files and variables its tokens refer to.
// `file_name` is used in messages; relative token paths are resolved against its folder. An empty
// document or section has the defaults.
tl::expected<Config, ConfigProblems> ParseConfig(std::string_view yaml,
                                                 const std::string& file_name);

// Reads the file at `path`. A file that cannot be read is a problem without a line.
tl::expected<Config, ConfigProblems> LoadConfig(const std::string& path);

// Fails when the shipped token would be served on an address that other machines can reach. Call it
// after command-line overrides (`config.server.host` is the effective address) and after each
// reload. The message says what to change.
Status CheckDefaultTokenIsLocal(const Config& config);

// Fails when backups would go into a folder inside the journal that would be taken for a job.
Status CheckBackupsAreOutside(const Config& config);

// Fails when webhooks of the configuration lead to addresses that are not public and are not
// allowed, or the file of certificates cannot be read.
Status CheckWebhookTargets(const Config& config);

// The keys whose values differ, in the order of conf/operator.yaml.
std::vector<std::string_view> ChangedKeys(const Config& before, const Config& after);

// Every key that a configuration may hold, as "section.key", in the order of conf/operator.yaml.
std::span<const std::string_view> ConfigKeys();

}  // namespace stagelog

#endif  // STAGELOG_APP_CONFIG_H_
