// Assembles stagelogd from its parts: built in order, stopped in reverse order.
#ifndef STAGELOG_APP_DAEMON_H_
#define STAGELOG_APP_DAEMON_H_

#include <memory>
#include <string>

#include "api/long_polls.h"
#include "app/config.h"
#include "archive/archiver.h"
#include "backup/backup_runner.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/metrics.h"
#include "follow/follower_runner.h"
#include "follow/liveness_table.h"
#include "follow/webhook/webhook_relay.h"
#include "http/http_server.h"
#include "log/event_logger.h"
#include "stream/event_stream_manager.h"

namespace stagelog {

// One running daemon. All calls from one thread.
class Daemon {
 public:
  // Recovers the journal, listens and serves. `rebuild_states` rebuilds the state of every job from
  // its events. The error message is meant for users.
  static Result<std::unique_ptr<Daemon>> Start(const Config& config, FileSystem& files,
                                               Clock& clock, bool rebuild_states = false);
  ~Daemon();  // as Stop()

  // Applies the settings that can change at run time: tokens, origins, hosts and the log level.
  // Streams of a removed token are closed. Logs what has changed, and the keys whose new values
  // need a restart.
  Status Reload(const Config& config);

  // Refuses new requests, finishes accepted ones, lets streams drain. Idempotent.
  void Stop();

  // A link that signs a browser in once, within ten minutes, as the holder of the shipped token. No
  // value where that is not in use: who has set a token signs in with it.
  std::optional<std::string> MakeSignInLink();

  // "http://127.0.0.1:8008"
  const std::string& url() const { return url_; }

 private:
  Daemon(const Config& config, Clock& clock);

  Status Open(FileSystem& files, bool rebuild_states);
  void LogStart();
  void EndGrant(uint64_t grant);

  Config config_;
  Clock& clock_;
  MetricsRegistry metrics_;
  LongPolls long_polls_;
  std::unique_ptr<LivenessTable> liveness_;
  std::unique_ptr<EventLogger> logger_;
  std::unique_ptr<Archiver> archiver_;
  std::unique_ptr<EventStreamManager> streams_;
  std::unique_ptr<FollowerRunner> gate_timer_;
  std::unique_ptr<FollowerRunner> state_files_;
  std::unique_ptr<WebhookRelay> webhooks_;
  std::unique_ptr<BackupRunner> backups_;
  std::unique_ptr<Grants> grants_;
  std::unique_ptr<HttpServer> server_;
  std::string url_;
};

}  // namespace stagelog

#endif  // STAGELOG_APP_DAEMON_H_
