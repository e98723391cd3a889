// The daemon's own server, streams and handlers over the journal of a replay.
#ifndef STAGELOG_CLI_OFFLINE_REPLAY_SERVER_H_
#define STAGELOG_CLI_OFFLINE_REPLAY_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "api/long_polls.h"
#include "base/metrics.h"
#include "cli/offline/replay_journal.h"
#include "cli/offline/replayer.h"
#include "core/no_webhooks.h"
#include "follow/liveness_table.h"
#include "http/http_server.h"
#include "stream/event_stream_manager.h"

namespace stagelog::cli {

struct ReplayServerOptions {
  int port = 0;  // 0: any free one
  std::string token;
  std::vector<std::string> allowed_origins;  // for CORS
};

// Listens on 127.0.0.1 only. Events are in the database before they are announced, as in the
// daemon; the daemon's other tasks (files, console, gate timer) are left out. One thread at a time.
class ReplayServer : public ReplaySink {
 public:
  // Has the port when it succeeds; clients that come before Start() wait.
  static CliResult<std::unique_ptr<ReplayServer>> Open(const ReplayServerOptions& options,
                                                       Clock& clock);
  ~ReplayServer() override;  // as Stop()

  CliStatus TakePast(std::vector<StoredEvent> events) override { return Take(std::move(events)); }
  CliStatus Take(std::vector<StoredEvent> events) override;
  // Only now the job counts as terminal for streams that end with it: it may have ended and been
  // resumed several times during the run.
  CliStatus TakeLast(std::vector<StoredEvent> events) override;

  void Start();

  // Lets answers and streams drain, for two seconds each at most. Idempotent.
  void Stop();

  const std::string& url() const { return url_; }
  int port() const { return port_; }

 private:
  ReplayServer(std::unique_ptr<ReplayJournal> journal, const ReplayServerOptions& options,
               Clock& clock);

  std::unique_ptr<ReplayJournal> journal_;
  MetricsRegistry metrics_;
  LongPolls long_polls_;
  LivenessTable liveness_;
  NoWebhooks webhooks_{
      {.code = "read_only", .detail = "this is a replay of a past run: it has no webhooks"}};
  EventStreamManager streams_;
  HttpServer server_;
  std::string url_;
  int port_ = 0;
  bool is_running_ = false;
};

}  // namespace stagelog::cli

#endif  // STAGELOG_CLI_OFFLINE_REPLAY_SERVER_H_
