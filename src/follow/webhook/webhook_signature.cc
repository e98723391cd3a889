#include "follow/webhook/webhook_signature.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/sha256.h"
#include "base/signing.h"

namespace stagelog {
namespace {

constexpr size_t kHmacKeyBytes = 32;
constexpr size_t kMessageIdDigits = 32;

}  // namespace

std::string MakeWebhookSecret(WebhookSigning signing) {
  if (signing == WebhookSigning::kHmac) return "whsec_" + Base64(RandomBytes(kHmacKeyBytes));
  return "whsk_" + Base64(RandomBytes(kEd25519SeedBytes));
}

std::string VerifyingKey(WebhookSigning signing, const std::string& secret) {
  if (signing == WebhookSigning::kHmac) return secret;
  const std::optional<std::string> seed = KeyOfSecret(signing, secret);
  STAGELOG_CHECK(seed.has_value());
  return "whpk_" + Base64(Ed25519PublicKey(*seed));
}

std::vector<std::string> SignatureHeaders(WebhookSigning signing,
                                          const std::vector<std::string>& secrets,
                                          std::string_view message_id, int64_t unix_seconds,
                                          std::string_view body) {
  const std::string timestamp = std::to_string(unix_seconds);
  std::string content(message_id);
  content.append(".").append(timestamp).append(".").append(body);
  std::string signatures;
  for (const std::string& secret : secrets) {
    const std::optional<std::string> key = KeyOfSecret(signing, secret);
    if (!key) continue;  // of the other kind
    if (!signatures.empty()) signatures += ' ';
    signatures += signing == WebhookSigning::kHmac
                      ? "v1," + Base64(HmacSha256(*key, content))
                      : "v1a," + Base64(Ed25519Signature(*key, content));
  }
  return {"webhook-id: " + std::string(message_id), "webhook-timestamp: " + timestamp,
          "webhook-signature: " + signatures};
}

std::string MessageIdOf(const std::string& webhook_id, const std::string& job_id,
                        const std::string& event_id, size_t part) {
  std::string name = webhook_id + "\n" + job_id + "\n" + event_id;
  if (part > 0) name += "\n" + std::to_string(part);
  return "msg_" + Sha256Hex(name).substr(0, kMessageIdDigits);
}

}  // namespace stagelog
