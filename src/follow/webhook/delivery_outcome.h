// How a request to a webhook ended.
#ifndef STAGELOG_FOLLOW_WEBHOOK_DELIVERY_OUTCOME_H_
#define STAGELOG_FOLLOW_WEBHOOK_DELIVERY_OUTCOME_H_

#include <string>

#include "core/webhook.h"
#include "follow/webhook/http_sender.h"
#include "follow/webhook/webhook_receiver.h"

namespace stagelog {

// 2xx.
bool IsDelivered(const OutgoingAnswer& answer);

// Of one that is not delivered.
WebhookFailure FailureOf(const Webhook& webhook, const OutgoingAnswer& answer);
std::string ReasonOf(const OutgoingAnswer& answer);

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_DELIVERY_OUTCOME_H_
