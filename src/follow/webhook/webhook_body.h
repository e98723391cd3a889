// What is sent of an event: the body of a request and the fields that describe it.
#ifndef STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_BODY_H_
#define STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_BODY_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/webhook.h"
#include "core/webhook_template.h"

namespace stagelog {

struct WebhookBody {
  std::vector<std::string> headers;  // "Content-Type: ..." and more
  std::string text;
};

// Of a stored line, or, for kOpenLineage and kOtlp, of what it was translated into already.
WebhookBody MakeWebhookBody(const Webhook& webhook, std::string_view line,
                            const TemplateContext& context);

}  // namespace stagelog

#endif  // STAGELOG_FOLLOW_WEBHOOK_WEBHOOK_BODY_H_
