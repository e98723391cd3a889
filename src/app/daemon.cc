#include "app/daemon.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "api/api.h"
#include "app/descriptor_shares.h"
#include "base/logging.h"
#include "base/process_metrics.h"
#include "base/text.h"
#include "follow/gate_timer.h"
#include "follow/state_files.h"

namespace stagelog {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;

EventLoggerOptions LoggerOptions(const Config& config, size_t open_files) {
  EventLoggerOptions options;
  options.runs_dir = config.storage.runs_dir;
  options.open_files = open_files;
  options.queue_bytes = config.limits.append_queue_bytes;
  return options;
}

RetentionOptions RetentionOf(const Config& config) {
  RetentionOptions options;
  options.events_days = config.storage.events_retention_days;
  options.max_events_per_job = config.storage.max_events_per_job;
  options.compress_days = config.storage.compress_after_days;
  options.runs_days = config.storage.runs_retention_days;
  return options;
}

EventStreamOptions StreamOptions(const Config& config) {
  EventStreamOptions options;
  options.stall_timeout_ms = config.stream.stall_timeout_seconds * int64_t{1000};
  options.retry_ms = config.stream.retry_ms;
  options.all_jobs_ring_bytes = config.stream.ring_bytes;
  options.job_ring_bytes = config.stream.job_ring_bytes;
  options.send_buffer_bytes = config.stream.send_buffer_bytes;
  options.reader_threads = config.stream.reader_threads;
  return options;
}

HttpLimits LimitsOf(const Config& config, size_t max_connections) {
  const LimitsConfig& from = config.limits;
  HttpLimits limits;
  limits.request_bytes = from.request_bytes;
  limits.bodies_in_flight_bytes = from.bodies_in_flight_bytes;
  limits.head_bytes = from.head_bytes;
  limits.head_timeout_micros = from.head_timeout_seconds * kMicrosPerSecond;
  limits.body_timeout_micros = from.body_timeout_seconds * kMicrosPerSecond;
  limits.keep_alive_timeout_micros = from.keep_alive_timeout_seconds * kMicrosPerSecond;
  limits.max_connections = max_connections;
  return limits;
}

HttpPolicy PolicyOf(const Config& config, std::shared_ptr<const TokenTable> tokens,
                    Grants* grants) {
  return {std::move(tokens), config.server.hosts, config.server.allowed_origins, grants};
}

GrantsOptions GrantsOf(const Config& config, const std::string& journal_id) {
  return {.path = config.storage.runs_dir + "/" + kGrantsFile,
          .cookie_name = "stagelog-" + journal_id.substr(journal_id.size() - 8),
          .limits = {}};
}

WebhookRelayOptions WebhookOptions(const Config& config, size_t connections) {
  WebhookRelayOptions options;
  options.path = config.storage.runs_dir + "/" + kWebhooksFile;
  options.configured = config.webhooks.targets;
  options.max_sending = connections;
  options.sender.kept_connections = std::min<size_t>(connections, 64);
  options.sender.allow_private = config.webhooks.allow_private;
  options.sender.ca_file = config.webhooks.ca_file;
  options.sender.timeout_ms = config.webhooks.timeout_seconds * int64_t{1000};
  options.sender.connect_timeout_ms = std::min<int64_t>(options.sender.timeout_ms, 5'000);
  return options;
}

// The names that stand for the same secret in both. A token whose secret was changed is another
// one.
std::vector<std::string> NamesKept(const Config& before, const Config& after) {
  std::vector<std::string> names;
  for (const TokenEntry& entry : after.tokens) {
    const bool kept =
        std::any_of(before.tokens.begin(), before.tokens.end(), [&](const TokenEntry& old) {
          return old.name == entry.name && old.sha256_hex == entry.sha256_hex;
        });
    if (kept) names.push_back(entry.name);
  }
  return names;
}

// What a running daemon takes over.
constexpr std::array<std::string_view, 4> kReloadedKeys = {
    "auth.tokens", "server.hosts", "server.allowed_origins", "server.log_level"};

bool IsReloaded(std::string_view key) {
  return std::find(kReloadedKeys.begin(), kReloadedKeys.end(), key) != kReloadedKeys.end();
}

const TokenEntry* FindToken(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.tokens.begin(), config.tokens.end(),
                                  [&](const TokenEntry& entry) { return entry.name == name; });
  return found == config.tokens.end() ? nullptr : &*found;
}

// Which tokens are new, others or gone, by their names.
void LogTokenChanges(const Config& before, const Config& after) {
  for (const TokenEntry& entry : after.tokens) {
    const TokenEntry* old = FindToken(before, entry.name);
    if (old == nullptr) LogInfo("[stagelogd] token added: {}", entry.name);
    if (old != nullptr && !(*old == entry)) LogInfo("[stagelogd] token changed: {}", entry.name);
  }
  for (const TokenEntry& entry : before.tokens) {
    if (FindToken(after, entry.name) == nullptr) {
      LogInfo("[stagelogd] token removed: {}", entry.name);
    }
  }
}

// Names what is in force now, and what waits for a restart.
void LogChanges(const Config& before, const Config& after) {
  std::vector<std::string_view> taken;
  std::vector<std::string_view> waiting;
  for (const std::string_view key : ChangedKeys(before, after)) {
    (IsReloaded(key) ? taken : waiting).push_back(key);
  }
  LogTokenChanges(before, after);
  if (!taken.empty()) LogInfo("[stagelogd] applied changes to: {}", Joined(taken, ", "));
  if (!waiting.empty()) {
    LogWarning("[stagelogd] restart the daemon to apply changes to: {}", Joined(waiting, ", "));
  }
}

void WarnOfDefaultToken(const Config& config) {
  if (!config.UsesDefaultToken()) return;
  LogWarning(
      "[stagelogd] the public default token is in use: anyone who can reach {} has full access; "
      "set your own token in auth.tokens",
      config.server.host);
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::weakly_canonical(path, error);
  return error ? path : absolute.string();
}

std::string UrlOf(const std::string& host, int port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return "http://" + (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

void AddFollowerMetrics(MetricsRegistry& metrics, const Follower& follower) {
  const std::string label = "follower=\"" + follower.GetFollowerStatus().name + "\"";
  metrics.SetGaugeFunction(
      "stagelog_follower_lag_events", "Committed events that a follower has not processed yet.",
      [&follower] { return follower.GetFollowerStatus().lag_events; }, label);
  metrics.SetGaugeFunction(
      "stagelog_follower_stuck", "1 while something keeps a follower from going on, else 0.",
      [&follower] { return follower.GetFollowerStatus().problem.empty() ? 0 : 1; }, label);
}

}  // namespace

Daemon::Daemon(const Config& config, Clock& clock) : config_(config), clock_(clock) {}

Daemon::~Daemon() { Stop(); }

Result<std::unique_ptr<Daemon>> Daemon::Start(const Config& config, FileSystem& files, Clock& clock,
                                              bool rebuild_states) {
  for (const auto& check :
       {CheckDefaultTokenIsLocal, CheckBackupsAreOutside, CheckWebhookTargets}) {
    if (Status allowed = check(config); !allowed) return tl::unexpected(allowed.error());
  }
  std::unique_ptr<Daemon> daemon(new Daemon(config, clock));
  if (Status opened = daemon->Open(files, rebuild_states); !opened)
    return tl::unexpected(opened.error());
  return daemon;
}

Status Daemon::Open(FileSystem& files, bool rebuild_states) {
  AddProcessMetrics(metrics_);
  const auto shares = ShareDescriptors(RaiseDescriptorLimit(), config_.storage.open_files,
                                       static_cast<size_t>(config_.stream.reader_threads));
  if (!shares) return tl::unexpected(shares.error());
  EventLoggerOptions logger_options = LoggerOptions(config_, shares->open_files);
  logger_options.rebuild_states = rebuild_states;
  auto logger = EventLogger::Open(std::move(logger_options), files, clock_, metrics_);
  if (!logger) return tl::unexpected(logger.error());
  logger_ = std::move(*logger);
  archiver_ = std::make_unique<Archiver>(RetentionOf(config_), *logger_, files,
                                         config_.storage.runs_dir, clock_, metrics_);
  streams_ = std::make_unique<EventStreamManager>(StreamOptions(config_), logger_->reader(),
                                                  *logger_, clock_, metrics_);
  liveness_ = std::make_unique<LivenessTable>(clock_);
  gate_timer_ = std::make_unique<FollowerRunner>(
      std::make_unique<GateTimer>(*logger_, logger_->reader(), clock_), *logger_, clock_);
  state_files_ = std::make_unique<FollowerRunner>(
      std::make_unique<StateFiles>(files, logger_->reader(), *logger_, clock_, metrics_,
                                   config_.storage.runs_dir, logger_->states_were_rebuilt()),
      *logger_, clock_);
  webhooks_ = std::make_unique<WebhookRelay>(WebhookOptions(config_, shares->outgoing),
                                             logger_->reader(), *logger_, clock_, metrics_);
  backups_ = std::make_unique<BackupRunner>(files, clock_, config_.storage.runs_dir,
                                            config_.storage.backup_dir);
  auto grants = Grants::Open(GrantsOf(config_, logger_->GetStatus().journal_id), files, clock_);
  if (!grants) return tl::unexpected(grants.error());
  grants_ = std::move(*grants);
  const auto tokens = std::make_shared<const TokenTable>(config_.tokens);
  grants_->SetTokens(tokens);
  server_ = std::make_unique<HttpServer>(LimitsOf(config_, shares->connections),
                                         PolicyOf(config_, tokens, grants_.get()), *streams_,
                                         clock_, metrics_);
  long_polls_.Connect([this](std::function<void()> task) { server_->Post(std::move(task)); },
                      [this](int64_t at_micros, std::function<void()> task) {
                        server_->CallAt(at_micros, std::move(task));
                      });
  const std::vector<const Follower*> followers = {&logger_->job_tables(), state_files_.get(),
                                                  gate_timer_.get(), webhooks_.get()};
  for (const Follower* follower : followers) AddFollowerMetrics(metrics_, *follower);
  server_->SetRoutes(
      ApiRoutes({*logger_, *logger_, *archiver_, *backups_, logger_->reader(), logger_->reader(),
                 *liveness_, *logger_, *webhooks_, long_polls_, clock_, metrics_, nullptr,
                 /*is_replay=*/false, config_.metrics.job_labels, followers, grants_.get()}));
  grants_->OnEnd([this](uint64_t grant) { EndGrant(grant); });
  const Result<int> port = server_->Bind(config_.server.host, config_.server.port);
  if (!port) return tl::unexpected(port.error());
  url_ = UrlOf(config_.server.host, *port);
  webhooks_->SetPublicUrl(config_.webhooks.public_url.empty() ? url_ : config_.webhooks.public_url);
  server_->SetAppender(logger_.get());
  logger_->AddListener(streams_.get());
  logger_->AddListener(&long_polls_);
  logger_->AddListener(liveness_.get());
  logger_->AddListener(gate_timer_.get());
  logger_->AddListener(state_files_.get());
  logger_->AddListener(webhooks_.get());
  logger_->AddMaintenance(archiver_.get());
  streams_->Start();
  state_files_->Start("state-files");
  logger_->Start();
  gate_timer_->Start("gate-timer");
  webhooks_->Start();
  server_->Start();
  LogStart();
  return {};
}

void Daemon::LogStart() {
  const Result<std::vector<std::string>> jobs = logger_->reader().JobsChangedAfter(0);
  LogInfo("[stagelogd] journal: {}, {} jobs, last seq {}", AbsolutePath(config_.storage.runs_dir),
          jobs ? std::to_string(jobs->size()) : "unknown number of", logger_->GetStatus().head_seq);
  WarnOfDefaultToken(config_);
  LogInfo("[stagelogd] serving {}", url_);
}

Status Daemon::Reload(const Config& config) {
  Config merged = config_;
  merged.tokens = config.tokens;
  merged.server.hosts = config.server.hosts;
  merged.server.allowed_origins = config.server.allowed_origins;
  merged.server.log_level = config.server.log_level;
  if (Status allowed = CheckDefaultTokenIsLocal(merged); !allowed) return allowed;
  LogChanges(config_, config);
  WarnOfDefaultToken(merged);
  std::vector<std::string> kept = NamesKept(config_, merged);
  config_ = merged;
  SetLogLevel(config_.server.log_level);
  const auto tokens = std::make_shared<const TokenTable>(config_.tokens);
  server_->SetPolicy(PolicyOf(config_, tokens, grants_.get()));
  grants_->SetTokens(tokens);
  // Behind the new policy on the request loop: no stream is judged by the old one and adopted
  // later.
  server_->Post([this, kept = std::move(kept)] { streams_->KeepOnlyTokens(kept); });
  long_polls_.ReleaseParked();
  return {};
}

// By way of the request loop: no stream is judged before and adopted later.
void Daemon::EndGrant(uint64_t grant) {
  server_->Post([this, grant] { streams_->EndGrant(grant); });
  long_polls_.ReleaseParked();
}

std::optional<std::string> Daemon::MakeSignInLink() {
  if (!config_.UsesDefaultToken()) return std::nullopt;
  const auto principal = TokenTable(config_.tokens).AuthenticateToken(kDefaultToken);
  if (!principal) return std::nullopt;
  return url_ + "/#link=" + grants_->MakeLink(*principal).secret;
}

void Daemon::Stop() {
  if (server_ != nullptr) server_->BeginShutdown();
  if (server_ != nullptr) long_polls_.ReleaseAll();
  if (backups_ != nullptr) backups_->Stop();
  if (gate_timer_ != nullptr) gate_timer_->Stop();
  if (logger_ != nullptr) logger_->Stop();
  if (webhooks_ != nullptr) webhooks_->Stop();
  if (server_ != nullptr) server_->FinishShutdown();
  if (streams_ != nullptr) streams_->Stop();
  if (state_files_ != nullptr) state_files_->Stop();
  if (grants_ != nullptr) grants_->StoreUse(/*at_once=*/true);
}

}  // namespace stagelog
