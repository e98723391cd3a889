#include "app/webhook_entries.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "app/secret_value.h"
#include "base/clock.h"
#include "core/json_text.h"
#include "follow/webhook/http_sender.h"

namespace stagelog {
namespace {

constexpr size_t kMaxSecretBytes = 256;

// Of a text, or a list of them, as JSON.
std::optional<std::string> JsonOfList(const YamlValue& value) {
  const std::optional<std::vector<YamlValue>> items = value.ItemsOrOne();
  if (!items) return std::nullopt;
  std::string array = "[";
  for (const YamlValue& item : *items) {
    const std::optional<std::string> text = item.Text();
    if (!text) return std::nullopt;
    if (array.size() > 1) array += ',';
    AppendJsonString(array, *text);
  }
  return array + "]";
}

std::optional<std::string> JsonOfHeaders(const YamlValue& value) {
  const auto entries = value.Entries();
  if (!entries) return std::nullopt;
  std::string object = "{";
  for (const auto& [name, entry] : *entries) {
    const std::optional<std::string> text = entry.Secret().Text();
    if (!text) return std::nullopt;
    if (object.size() > 1) object += ',';
    object += JsonString(name) + ":" + JsonString(*text);
  }
  return object + "}";
}

std::optional<std::string> JsonOfText(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  return JsonString(*text);
}

std::optional<std::string> JsonOfMember(std::string_view key, const YamlValue& value) {
  if (key == "headers") return JsonOfHeaders(value);
  if (key == "secret_file") return JsonOfText(ReadSecretFile(value, "secret", kMaxSecretBytes));
  if (key == "secret_env") return JsonOfText(ReadSecretVariable(value, "secret"));
  if (key == "secret") return JsonOfText(value.Secret().Text());
  if (key == "handshake") {
    const std::optional<bool> is_wanted = value.Boolean();
    if (!is_wanted) return std::nullopt;
    return *is_wanted ? "true" : "false";
  }
  const bool is_list = key == "type" || key == "stage" || key == "level" || key == "job";
  return is_list ? JsonOfList(value) : JsonOfText(value.Text());
}

std::optional<Webhook> ReadWebhookEntry(const YamlValue& value) {
  std::vector<std::string_view> known = WebhookKeys();
  known.insert(known.end(), {"secret_file", "secret_env"});
  std::string object = "{";
  bool is_whole = true;
  int secrets = 0;
  const auto members = value.Members(known);
  for (const auto& [key, member] : members) {
    const bool is_secret = key.starts_with("secret");
    secrets += is_secret ? 1 : 0;
    const std::optional<std::string> json = JsonOfMember(key, member);
    is_whole = is_whole && json;
    if (object.size() > 1) object += ',';
    object += JsonString(is_secret ? "secret" : key) + ":" + json.value_or("null");
  }
  if (secrets > 1) {
    value.Fail("must have at most one of the keys 'secret', 'secret_file' and 'secret_env'");
    return std::nullopt;
  }
  if (!is_whole) return std::nullopt;
  auto webhook = ParseWebhook(object + "}", SystemClock().WallMicros());
  if (!webhook) {
    const Refusal& refusal = webhook.error();
    const auto named = std::find_if(members.begin(), members.end(), [&](const auto& member) {
      return member.first == refusal.field;
    });
    (named == members.end() ? value : named->second).Fail(refusal.detail);
    return std::nullopt;
  }
  if (webhook->id.empty()) {
    value.Fail("missing key 'id'");
    return std::nullopt;
  }
  if (const auto problem = UnusableUrlReason(webhook->url)) {
    value.Fail("'url' " + *problem);
    return std::nullopt;
  }
  return std::move(*webhook);
}

}  // namespace

std::optional<std::vector<Webhook>> ReadWebhookEntries(const YamlValue& value) {
  const std::optional<std::vector<YamlValue>> items = value.Items();
  if (!items) return std::nullopt;
  std::vector<Webhook> webhooks;
  for (const YamlValue& item : *items) {
    std::optional<Webhook> webhook = ReadWebhookEntry(item);
    if (!webhook) continue;
    const bool is_known = std::any_of(webhooks.begin(), webhooks.end(), [&](const Webhook& other) {
      return other.id == webhook->id;
    });
    if (is_known) item.Fail("duplicate id: an earlier entry has it; ids must be unique");
    webhooks.push_back(std::move(*webhook));
  }
  return webhooks;
}

}  // namespace stagelog
