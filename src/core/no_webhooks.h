// Webhooks where there are none.
#ifndef STAGELOG_CORE_NO_WEBHOOKS_H_
#define STAGELOG_CORE_NO_WEBHOOKS_H_

#include <string>
#include <utility>

#include "core/webhook_admin.h"

namespace stagelog {

// Refuses everything, at once.
class NoWebhooks : public WebhookAdmin {
 public:
  explicit NoWebhooks(Refusal refusal) : refusal_(std::move(refusal)) {}

  void ListWebhooks(WebhookDone done) override { Refuse(done); }
  void ShowWebhook(std::string, WebhookDone done) override { Refuse(done); }
  void MakeWebhook(Webhook, WebhookDone done) override { Refuse(done); }
  void DeleteWebhook(std::string, WebhookDone done) override { Refuse(done); }
  void PauseWebhook(std::string, bool, WebhookDone done) override { Refuse(done); }
  void RotateSecret(std::string, WebhookDone done) override { Refuse(done); }
  void TestWebhook(std::string, WebhookDone done) override { Refuse(done); }
  void ListDeliveries(std::string, DeliveryListRequest, WebhookDone done) override { Refuse(done); }
  void SendAgain(std::string, SendAgainRequest, WebhookDone done) override { Refuse(done); }

 private:
  void Refuse(const WebhookDone& done) const { done(tl::unexpected(refusal_)); }

  const Refusal refusal_;
};

}  // namespace stagelog

#endif  // STAGELOG_CORE_NO_WEBHOOKS_H_
