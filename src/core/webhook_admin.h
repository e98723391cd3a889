// Managing webhooks.
#ifndef STAGELOG_CORE_WEBHOOK_ADMIN_H_
#define STAGELOG_CORE_WEBHOOK_ADMIN_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "core/refusal.h"
#include "core/webhook.h"

namespace stagelog {

// The file of webhooks within the folder of the journal.
inline constexpr const char* kWebhooksFile = "stagelog.webhooks.db";

// The answer to a request about webhooks: a JSON document.
struct WebhookAnswer {
  std::string json;
  std::string id;          // of the webhook
  int64_t next_after = 0;  // of a list that goes on; 0: it does not
};

// Called once, by any thread, within the call or later.
using WebhookDone = std::function<void(tl::expected<WebhookAnswer, Refusal>)>;

struct DeliveryListRequest {
  std::string status;                 // delivered, retrying or failed; empty: all
  int64_t before_number = INT64_MAX;  // the newest come first
  size_t limit = 100;
};

// Which events are sent again.
struct SendAgainRequest {
  std::string message_id;    // `webhook-id` of one; empty: those since
  int64_t since_micros = 0;  // later than this
};

// Safe from any thread. Refusals, beside those named: unknown_webhook, webhook_exists,
// webhook_configured (it stands in the configuration, and is changed there), webhooks_unavailable.
class WebhookAdmin {
 public:
  virtual ~WebhookAdmin() = default;

  virtual void ListWebhooks(WebhookDone done) = 0;
  virtual void ShowWebhook(std::string id, WebhookDone done) = 0;

  // The answer has the secret, which is shown here and after RotateSecret() only. Without an id it
  // is given one.
  virtual void MakeWebhook(Webhook webhook, WebhookDone done) = 0;
  virtual void DeleteWebhook(std::string id, WebhookDone done) = 0;

  // A paused webhook keeps its place in the log.
  virtual void PauseWebhook(std::string id, bool is_paused, WebhookDone done) = 0;

  // Makes a new secret; requests are signed with the old one too for a day.
  virtual void RotateSecret(std::string id, WebhookDone done) = 0;

  // Sends an event that is not in the journal, once, and answers with its outcome.
  virtual void TestWebhook(std::string id, WebhookDone done) = 0;

  virtual void ListDeliveries(std::string id, DeliveryListRequest request, WebhookDone done) = 0;
  virtual void SendAgain(std::string id, SendAgainRequest request, WebhookDone done) = 0;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_WEBHOOK_ADMIN_H_
