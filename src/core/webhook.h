// A webhook: where events are sent to, which ones, and how.
#ifndef STAGELOG_CORE_WEBHOOK_H_
#define STAGELOG_CORE_WEBHOOK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "core/query.h"
#include "core/refusal.h"

namespace stagelog {

// What the body of a request is.
enum class WebhookFormat {
  kEvent,             // the event's line
  kCloudEvent,        // structured mode
  kCloudEventBinary,  // binary mode: attributes in the head
  kCloudEventBatch,   // a batch of one
  kCdEvent,           // structured, with a CDEvent as its data where there is an equivalent
  kOpenLineage,       // the run events that follow from an event, a request each
  kOtlp,              // the trace of a job that is over
  kTemplate,
};
std::string_view WebhookFormatName(WebhookFormat format);

// Standard Webhooks 1.0.0, "Signature scheme".
enum class WebhookSigning { kHmac, kEd25519 };  // v1, v1a

struct Webhook {
  std::string id;   // IsName()
  std::string url;  // http or https
  EventFilter filter;
  WebhookFormat format = WebhookFormat::kEvent;
  std::string body_template;                                 // of kTemplate; see webhook_template.h
  std::string content_type;                                  // of kTemplate
  std::vector<std::pair<std::string, std::string>> headers;  // further ones; values are secret
  WebhookSigning signing = WebhookSigning::kHmac;
  std::string secret;  // "whsec_..." or "whsk_..."; empty: one is made
  // The receiver is asked first whether it wants events (CloudEvents 1.0.2, HTTP Webhook, "Abuse
  // protection"), and gets none before it says so.
  bool handshake = false;
  Position start{Position::Kind::kNow, 0};

  bool operator==(const Webhook& other) const;
};

// Its values are escaped as within JSON.
bool MakesJson(const Webhook& webhook);

// The keys of ParseWebhook().
std::vector<std::string_view> WebhookKeys();

// Reads the definition: an object with some of WebhookKeys(); `url` is needed, filters are those of
// a poll, and a list may be an array too. An `id` that is left out stays empty. Refusals are those
// of an object's keys and values, with the key in `field`.
tl::expected<Webhook, Refusal> ParseWebhook(std::string_view json, int64_t now_micros);

// The same object again, for storing: with its secrets.
std::string EncodeWebhookWithSecrets(const Webhook& webhook);

// The members of an answer about it, an object that is not closed. Neither its secret nor the
// values of its headers are in it; of the URL only what comes before the query.
std::string EncodeWebhook(const Webhook& webhook);

// The bytes of a secret; no value for what is none. `whsec_` and 24 to 64 bytes in base64 for v1,
// `whsk_` and 32 (or 64: the public key behind the seed) for v1a.
std::optional<std::string> KeyOfSecret(WebhookSigning signing, std::string_view secret);

}  // namespace stagelog

#endif  // STAGELOG_CORE_WEBHOOK_H_
