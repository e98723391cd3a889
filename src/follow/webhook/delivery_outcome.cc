#include "follow/webhook/delivery_outcome.h"

#include <fmt/core.h>

namespace stagelog {

bool IsDelivered(const OutgoingAnswer& answer) {
  return answer.status >= 200 && answer.status < 300;
}

WebhookFailure FailureOf(const Webhook& webhook, const OutgoingAnswer& answer) {
  // OTLP/HTTP names what may be sent again; all else is lost for good.
  if (webhook.format == WebhookFormat::kOtlp && answer.status != 0) {
    const bool may_retry = answer.status == 429 || (answer.status >= 502 && answer.status <= 504);
    return may_retry ? WebhookFailure::kUnreachable : WebhookFailure::kFinal;
  }
  const int status = answer.status;
  const bool is_about_all = status == 0 || (status >= 502 && status <= 504) || status == 408 ||
                            status == 429 || (status >= 300 && status < 400);
  if (is_about_all) return WebhookFailure::kUnreachable;
  return status >= 500 ? WebhookFailure::kServerError : WebhookFailure::kRejected;
}

std::string ReasonOf(const OutgoingAnswer& answer) {
  if (!answer.problem.empty()) return answer.problem;
  if (answer.status >= 300 && answer.status < 400) {
    return fmt::format("HTTP {}: a redirect, which is not followed", answer.status);
  }
  return fmt::format("HTTP {}", answer.status);
}

}  // namespace stagelog
