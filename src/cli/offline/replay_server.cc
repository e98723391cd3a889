#include "cli/offline/replay_server.h"

#include <algorithm>
#include <utility>

#include "api/api.h"
#include "app/descriptor_shares.h"
#include "base/sha256.h"

namespace stagelog::cli {
namespace {

constexpr const char* kHost = "127.0.0.1";
constexpr size_t kFilesReserve = 256;  // descriptors kept for files and the rest

HttpLimits Limits() {
  HttpLimits limits;
  const size_t descriptors = RaiseDescriptorLimit();
  limits.max_connections =
      std::max<size_t>(descriptors > kFilesReserve ? descriptors - kFilesReserve : 0, 64);
  return limits;
}

// One token that may do everything: whoever tries to write gets the answer that this is a replay.
HttpPolicy PolicyOf(const ReplayServerOptions& options) {
  const std::vector<TokenEntry> tokens = {{"admin", Sha256Hex(options.token), {Role::kAdmin}}};
  return {std::make_shared<TokenTable>(tokens), {}, options.allowed_origins};
}

}  // namespace

CliResult<std::unique_ptr<ReplayServer>> ReplayServer::Open(const ReplayServerOptions& options,
                                                            Clock& clock) {
  auto journal = ReplayJournal::Create(clock);
  if (!journal) return tl::unexpected(journal.error());
  std::unique_ptr<ReplayServer> server(new ReplayServer(std::move(*journal), options, clock));
  const Result<int> port = server->server_.Bind(kHost, options.port);
  if (!port) {
    return Fail(ExitCode::kUsage, port.error().message + " (--serve 0 picks a free port)");
  }
  server->port_ = *port;
  server->url_ = std::string("http://") + kHost + ":" + std::to_string(*port);
  return server;
}

ReplayServer::ReplayServer(std::unique_ptr<ReplayJournal> journal,
                           const ReplayServerOptions& options, Clock& clock)
    : journal_(std::move(journal)),
      liveness_(clock),
      streams_(EventStreamOptions(), *journal_, *journal_, clock, metrics_),
      server_(Limits(), PolicyOf(options), streams_, clock, metrics_) {
  long_polls_.Connect([this](std::function<void()> task) { server_.Post(std::move(task)); },
                      [this](int64_t at_micros, std::function<void()> task) {
                        server_.CallAt(at_micros, std::move(task));
                      });
  server_.SetRoutes(ApiRoutes({*journal_, *journal_, *journal_, *journal_, *journal_,
                               journal_->reader(), liveness_, *journal_, webhooks_, long_polls_,
                               clock, metrics_, nullptr, /*is_replay=*/true}));
}

ReplayServer::~ReplayServer() { Stop(); }

CliStatus ReplayServer::Take(std::vector<StoredEvent> events) {
  const auto batch = journal_->Put(events);
  if (!batch) return tl::unexpected(batch.error());
  streams_.OnCommit(*batch);
  long_polls_.OnCommit(*batch);
  liveness_.OnCommit(*batch);
  return {};
}

CliStatus ReplayServer::TakeLast(std::vector<StoredEvent> events) {
  journal_->EndAt(events.back().event.seq);
  return Take(std::move(events));
}

void ReplayServer::Start() {
  is_running_ = true;
  streams_.Start();
  server_.Start();
}

void ReplayServer::Stop() {
  if (!std::exchange(is_running_, false)) return;
  server_.BeginShutdown();
  long_polls_.ReleaseAll();
  server_.FinishShutdown();
  streams_.Stop();
}

}  // namespace stagelog::cli
