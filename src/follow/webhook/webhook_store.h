// runs/stagelog.webhooks.db: the webhooks with their secrets, how far each has come, and the
// outcomes of the latest deliveries.
#ifndef STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_STORE_H_
#define STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_STORE_H_

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "core/webhook.h"
#include "core/webhook_admin.h"

namespace stagelog {

// Events of the log that are still to be sent, in order: those of a job, or those that are sent
// again.
struct StoredLane {
  std::string name;                  // the job; "again/..." for events of any job
  int64_t after_seq = 0;             // they are later than this,
  int64_t through_seq = 0;           // and not later than that
  int attempts = 0;                  // failed, of the first of them
  int64_t first_attempt_micros = 0;  // wall clock
};

struct StoredWebhook {
  Webhook webhook;
  bool is_configured = false;                 // stands in the configuration
  std::vector<std::string> previous_secrets;  // the newest first; they sign as well,
  int64_t previous_until_micros = 0;          // until this time
  std::string paused;                         // why; empty: it is not
  int64_t cursor = 0;  // up to here all that matches was sent, or is in a lane
  int64_t made_micros = 0;
  std::vector<StoredLane> lanes;
};

// Each of them is a signature more in every request.
inline constexpr size_t kMaxPreviousSecrets = 4;

// Beyond kMaxPreviousSecrets the oldest is dropped.
void KeepAsPrevious(StoredWebhook& webhook, std::string secret);

// One event to one webhook, however often it was tried.
struct Delivery {
  std::string webhook_id;
  std::string message_id;
  int64_t seq = 0;
  std::string job_id;
  std::string type;
  std::string status;  // delivered, retrying, failed
  int attempts = 0;
  int64_t first_micros = 0;
  int64_t last_micros = 0;
  int http_status = 0;
  std::string problem;
  std::string answer;
};

// One thread. All functions but Open() throw SQLite::Exception.
class WebhookStore {
 public:
  static constexpr int64_t kKeptDeliveries = 1'000;  // of each webhook

  // Makes the file, for its owner alone, if it is missing.
  static Result<std::unique_ptr<WebhookStore>> Open(const std::string& path);

  // The journal that the cursors are of; empty in a new file.
  std::string JournalId();
  void SetJournalId(const std::string& journal_id);

  std::vector<StoredWebhook> ReadAll();
  void Write(const StoredWebhook& webhook);  // without its lanes
  void Remove(const std::string& webhook_id);

  // What belongs together is written between these.
  void Begin();
  void Commit();
  void Rollback();

  void WriteCursor(const std::string& webhook_id, int64_t cursor);
  void WriteLane(const std::string& webhook_id, const StoredLane& lane);
  void RemoveLane(const std::string& webhook_id, const std::string& name);
  void WriteDelivery(const Delivery& delivery);
  void DropOldDeliveries(const std::string& webhook_id);

  // The seq of the event that was sent by this name.
  std::optional<int64_t> FindDelivery(const std::string& webhook_id, const std::string& message_id);

  // {"deliveries":[...],"next_after":...,"has_more":...}
  WebhookAnswer ListDeliveries(const std::string& webhook_id, const DeliveryListRequest& request);

 private:
  explicit WebhookStore(const std::string& path);

  SQLite::Statement& Prepared(std::unique_ptr<SQLite::Statement>& slot, const char* sql);

  SQLite::Database database_;
  std::unique_ptr<SQLite::Statement> write_cursor_;
  std::unique_ptr<SQLite::Statement> write_lane_;
  std::unique_ptr<SQLite::Statement> remove_lane_;
  std::unique_ptr<SQLite::Statement> write_delivery_;
};

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_STORE_H_
