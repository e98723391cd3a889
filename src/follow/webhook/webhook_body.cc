#include "follow/webhook/webhook_body.h"

#include <nlohmann/json.hpp>

#include "core/dialect/cloud_event_encoder.h"
#include "core/json_text.h"
#include "core/json_value.h"

namespace stagelog {
namespace {

// A header's value (CloudEvents 1.0.2, HTTP binding, section 3.1.3.2): what is not printable ASCII,
// the quote and the percent sign as percent-coded bytes of UTF-8.
std::string HeaderValue(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string value;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > ' ' && byte < 127 && c != '"' && c != '%') {
      value += c;
    } else {
      value += '%';
      value += kDigits[byte >> 4];
      value += kDigits[byte & 15];
    }
  }
  return value;
}

WebhookBody BinaryCloudEvent(const std::string& event) {
  WebhookBody body;
  for (JsonMembers members(event); members.Next();) {
    if (members.key() == "data") {
      body.text = members.value();
      continue;
    }
    const nlohmann::json value = ParseJson(members.value());
    const std::string text = value.is_string() ? value.get<std::string>() : DumpJson(value);
    if (members.key() == "datacontenttype") {
      body.headers.push_back("Content-Type: " + text);
    } else {
      body.headers.push_back("ce-" + std::string(members.key()) + ": " + HeaderValue(text));
    }
  }
  // libcurl would add one of its own to a body that has none.
  if (body.text.empty()) body.headers.emplace_back("Content-Type:");
  return body;
}

}  // namespace

WebhookBody MakeWebhookBody(const Webhook& webhook, std::string_view line,
                            const TemplateContext& context) {
  const auto structured = [](std::string text) {
    return WebhookBody{{"Content-Type: application/cloudevents+json"}, std::move(text)};
  };
  switch (webhook.format) {
    case WebhookFormat::kCloudEvent:
      return structured(EncodeCloudEvent(line, context.journal_id));
    case WebhookFormat::kCdEvent:
      return structured(EncodeCdEvent(line, context.journal_id));
    case WebhookFormat::kCloudEventBatch:
      return {{"Content-Type: application/cloudevents-batch+json"},
              "[" + EncodeCloudEvent(line, context.journal_id) + "]"};
    case WebhookFormat::kCloudEventBinary:
      return BinaryCloudEvent(EncodeCloudEvent(line, context.journal_id));
    case WebhookFormat::kTemplate:
      return {{"Content-Type: " + webhook.content_type},
              RenderTemplate(webhook.body_template, line, context, MakesJson(webhook))};
    case WebhookFormat::kEvent:
    case WebhookFormat::kOpenLineage:
    case WebhookFormat::kOtlp:
      break;
  }
  return {{"Content-Type: application/json"}, std::string(line)};
}

}  // namespace stagelog
