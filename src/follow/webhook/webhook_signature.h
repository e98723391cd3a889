// The head of a request by Standard Webhooks 1.0.0
// (https://github.com/standard-webhooks/standard-webhooks).
#ifndef STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_SIGNATURE_H_
#define STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_SIGNATURE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/webhook.h"

namespace stagelog {

// A secret as its receiver is given it: "whsec_...", or "whsk_..." of an Ed25519 key.
std::string MakeWebhookSecret(WebhookSigning signing);

// What a receiver checks signatures with: the same "whsec_...", or "whpk_..." for a "whsk_...".
std::string VerifyingKey(WebhookSigning signing, const std::string& secret);

// "webhook-id", "webhook-timestamp" (seconds) and "webhook-signature": one for each secret.
std::vector<std::string> SignatureHeaders(WebhookSigning signing,
                                          const std::vector<std::string>& secrets,
                                          std::string_view message_id, int64_t unix_seconds,
                                          std::string_view body);

// The same for a webhook and an event whenever it is sent, also from a restored journal: it tells a
// retry from something new.
std::string MessageIdOf(const std::string& webhook_id, const std::string& job_id,
                        const std::string& event_id, size_t part = 0);

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_SIGNATURE_H_
