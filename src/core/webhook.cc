#include "core/webhook.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "base/base64.h"
#include "base/nearest.h"
#include "base/signing.h"
#include "base/text.h"
#include "core/draft_decoder.h"
#include "core/identifier.h"
#include "core/json_object_reader.h"
#include "core/json_text.h"
#include "core/json_value.h"
#include "core/webhook_template.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 15> kWebhookKeys = {
    "id",       "url",          "type",    "stage",   "level",  "job",       "q",    "format",
    "template", "content_type", "headers", "signing", "secret", "handshake", "since"};

constexpr std::array<std::string_view, 8> kFormatNames = {
    "event", "cloudevents", "cloudevents-binary", "cloudevents-batch", "cdevents", "openlineage",
    "otlp",  "template"};

constexpr std::array<std::string_view, 2> kSigningNames = {"v1", "v1a"};

constexpr size_t kMaxUrlBytes = 2048;
constexpr size_t kMaxTemplateBytes = 64 << 10;
constexpr size_t kMaxHeaders = 32;
constexpr size_t kMaxHeaderBytes = 4096;

// What the relay writes itself.
constexpr std::array<std::string_view, 10> kOwnHeaders = {
    "host", "content-length", "content-type", "transfer-encoding",  "connection", "expect",
    "te",   "upgrade",        "trailer",      "proxy-authorization"};

Refusal InvalidField(std::string_view key, const std::string& detail) {
  return {.code = "invalid_field",
          .detail = "'" + std::string(key) + "' " + detail,
          .field = std::string(key)};
}

bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
}

std::optional<std::string> UrlProblem(std::string_view url) {
  const std::string scheme = LowerCase(url.substr(0, url.find(':')));
  const bool is_https = scheme == "https" && url.substr(5).starts_with("://");
  const bool is_http = scheme == "http" && url.substr(4).starts_with("://");
  if (!is_https && !is_http) return "must begin with http:// or https://";
  if (url.size() > kMaxUrlBytes) return "must have at most 2048 bytes";
  if (!IsVisible(url)) return "must be printable ASCII without spaces; encode others as %XX";
  const std::string_view rest = url.substr(is_https ? 8 : 7);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  if (authority.empty()) return "names no host";
  if (ContainsText(authority, "@")) {
    return "must not carry a name and password; send them in 'headers', as Authorization";
  }
  if (ContainsText(url, "#")) return "must not have a fragment ('#...')";
  return std::nullopt;
}

bool IsFieldName(std::string_view name) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return IsAlphanumeric(c) || kMarks.find(c) != std::string_view::npos;
  });
}

// A list of a poll: "a,b", or ["a","b"].
tl::expected<std::string, Refusal> ListOf(const JsonMember& member) {
  if (member.kind == JsonMember::Kind::kText) return member.text;
  const nlohmann::json items = ParseJson(member.raw);
  const bool are_texts =
      items.is_array() && std::all_of(items.begin(), items.end(), [](auto& item) {
        return item.is_string() && item.template get<std::string>().find(',') == std::string::npos;
      });
  if (!are_texts) {
    return tl::unexpected(InvalidField(
        member.key, "must be a text, with commas between several, or an array of texts"));
  }
  return Joined(items.get<std::vector<std::string>>(), ",");
}

// Reads one object; the first problem is kept.
class WebhookReader {
 public:
  explicit WebhookReader(int64_t now_micros) : now_micros_(now_micros) {}

  tl::expected<Webhook, Refusal> Read(std::string_view json) {
    auto members = ReadJsonObject(json, kMaxJsonDepth);
    if (!members) {
      Refusal refusal = std::move(members.error());
      if (refusal.code == "not_an_object") refusal.detail = "a webhook is a JSON object";
      return tl::unexpected(std::move(refusal));
    }
    for (const JsonMember& member : *members) {
      if (!all_.insert(member.key).second) return tl::unexpected(DuplicateKey(member.key));
      if (member.kind == JsonMember::Kind::kNull) continue;  // stands for "left out"
      seen_.insert(member.key);
      if (auto refusal = ReadMember(member)) return tl::unexpected(std::move(*refusal));
    }
    if (auto refusal = ReadFilter()) return tl::unexpected(std::move(*refusal));
    if (auto refusal = CheckWhole()) return tl::unexpected(std::move(*refusal));
    return std::move(webhook_);
  }

 private:
  using Problem = std::optional<Refusal>;

  Problem ReadMember(const JsonMember& member) {
    const std::string& key = member.key;
    if (key == "type" || key == "stage" || key == "level" || key == "job") {
      const auto list = ListOf(member);
      if (!list) return list.error();
      filters_[key] = *list;
      return std::nullopt;
    }
    if (key == "headers") return ReadHeaders(member);
    if (key == "handshake") {
      if (member.kind != JsonMember::Kind::kBoolean) {
        return InvalidField(key, "must be true or false");
      }
      webhook_.handshake = member.raw == "true";
      return std::nullopt;
    }
    if (std::find(kWebhookKeys.begin(), kWebhookKeys.end(), key) == kWebhookKeys.end()) {
      const std::string shown = QuotableText(key, 128);
      return Refusal{.code = "unknown_key",
                     .detail = "unknown key '" + shown + "'" + DidYouMean(key, kWebhookKeys),
                     .field = shown};
    }
    if (member.kind != JsonMember::Kind::kText) return InvalidField(key, "must be a text");
    return ReadText(key, member.text);
  }

  Problem ReadText(const std::string& key, const std::string& text) {
    if (key == "q") {
      filters_[key] = text;
    } else if (key == "id") {
      if (!IsName(text)) return InvalidField(key, "must be " + std::string(kNameRule));
      webhook_.id = text;
    } else if (key == "url") {
      if (const auto problem = UrlProblem(text)) return InvalidField(key, *problem);
      webhook_.url = text;
    } else if (key == "format") {
      return ReadWord(key, text, kFormatNames, webhook_.format);
    } else if (key == "signing") {
      return ReadWord(key, text, kSigningNames, webhook_.signing);
    } else if (key == "template") {
      if (text.empty() || text.size() > kMaxTemplateBytes) {
        return InvalidField(key, "must have 1 to 65536 bytes");
      }
      webhook_.body_template = text;
    } else if (key == "content_type") {
      const bool is_value =
          std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
      if (!is_value || text.find('/') == std::string::npos || text.size() > 256) {
        return InvalidField(key, "must be a media type, such as application/json");
      }
      webhook_.content_type = text;
    } else if (key == "secret") {
      webhook_.secret = text;
    } else if (key == "since") {
      const auto start = ParseSince(text, now_micros_);
      if (!start) return InvalidField(key, "is no time: " + start.error().detail);
      webhook_.start = *start;
    }
    return std::nullopt;
  }

  template <typename Value>
  Problem ReadWord(const std::string& key, const std::string& text,
                   std::span<const std::string_view> words, Value& value) {
    const auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end()) {
      return InvalidField(
          key, "has the unknown value '" + QuotableText(text, 80) + "'" + DidYouMean(text, words));
    }
    value = static_cast<Value>(found - words.begin());
    return std::nullopt;
  }

  Problem ReadHeaders(const JsonMember& member) {
    const auto fields = ReadJsonObject(member.raw, kMaxJsonDepth);
    if (!fields) return InvalidField(member.key, "must be an object of names and texts");
    if (fields->size() > kMaxHeaders) return InvalidField(member.key, "has more than 32 names");
    for (const JsonMember& field : *fields) {
      const std::string shown = "has the name '" + QuotableText(field.key, 80) + "', ";
      const std::string lower = LowerCase(field.key);
      const bool is_own =
          lower.starts_with("webhook-") || lower.starts_with("ce-") ||
          std::find(kOwnHeaders.begin(), kOwnHeaders.end(), lower) != kOwnHeaders.end();
      if (!IsFieldName(field.key)) {
        return InvalidField(member.key, shown + "which is no name of a header");
      }
      if (is_own) return InvalidField(member.key, shown + "which the daemon writes itself");
      const bool is_known =
          std::any_of(webhook_.headers.begin(), webhook_.headers.end(),
                      [&](const auto& other) { return LowerCase(other.first) == lower; });
      if (is_known) return InvalidField(member.key, shown + "which is given twice");
      const std::string& value = field.text;
      const bool is_value =
          field.kind == JsonMember::Kind::kText && value.size() <= kMaxHeaderBytes &&
          std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c != 127; });
      if (!is_value) {
        return InvalidField(member.key, shown + "whose value must be a text on one line");
      }
      webhook_.headers.emplace_back(field.key, value);
    }
    return std::nullopt;
  }

  Problem ReadFilter() {
    const auto lookup = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = filters_.find(name);
      if (found == filters_.end()) return std::nullopt;
      return found->second;
    };
    auto filter = ParseFilter(lookup);
    if (!filter) {
      Refusal refusal = std::move(filter.error());
      refusal.code = "invalid_field";
      return refusal;
    }
    webhook_.filter = std::move(*filter);
    return std::nullopt;
  }

  Problem CheckWhole() {
    if (webhook_.url.empty()) {
      return Refusal{.code = "missing_field", .detail = "'url' is missing", .field = "url"};
    }
    const bool is_template = webhook_.format == WebhookFormat::kTemplate;
    if (!is_template && (seen_.contains("template") || seen_.contains("content_type"))) {
      if (seen_.contains("format")) {
        return InvalidField(seen_.contains("template") ? "template" : "content_type",
                            "is for the format 'template' only");
      }
      webhook_.format = WebhookFormat::kTemplate;
    }
    if (webhook_.format == WebhookFormat::kTemplate) {
      if (webhook_.body_template.empty()) {
        return Refusal{
            .code = "missing_field", .detail = "'template' is missing", .field = "template"};
      }
      if (webhook_.content_type.empty()) webhook_.content_type = "application/json";
      if (const auto problem = TemplateProblem(webhook_.body_template, MakesJson(webhook_))) {
        return InvalidField("template", "cannot be used: " + *problem);
      }
    }
    // The others have nothing to say there, and each would cost a look at the job.
    std::vector<std::string>& types = webhook_.filter.types;
    if (types.empty() && webhook_.format == WebhookFormat::kOtlp) {
      types = {"job_completed", "job_failed", "job_canceled"};
    }
    if (types.empty() && webhook_.format == WebhookFormat::kOpenLineage) {
      types = {"job_created",  "job_started",   "job_resumed",     "job_completed", "job_failed",
               "job_canceled", "stage_started", "stage_completed", "stage_failed"};
    }
    if (!webhook_.secret.empty() && !KeyOfSecret(webhook_.signing, webhook_.secret)) {
      return InvalidField("secret",
                          webhook_.signing == WebhookSigning::kHmac
                              ? "must be 'whsec_' and 24 to 64 bytes in base64"
                              : "must be 'whsk_' and the 32 bytes of an Ed25519 key in base64");
    }
    return std::nullopt;
  }

  const int64_t now_micros_;
  Webhook webhook_;
  std::set<std::string> all_;
  std::set<std::string> seen_;  // those that are not null
  std::map<std::string, std::string> filters_;
};

void AppendWords(std::string& object, std::string_view key, const std::vector<std::string>& words) {
  if (words.empty()) return;
  std::string array = "[";
  for (const std::string& word : words) {
    if (array.size() > 1) array += ',';
    AppendJsonString(array, word);
  }
  AppendJsonMember(object, key, array + "]");
}

// What both encodings have.
std::string EncodeCommon(const Webhook& webhook, const std::string& url) {
  std::string object;
  AppendJsonMember(object, "id", JsonString(webhook.id));
  AppendJsonMember(object, "url", JsonString(url));
  AppendWords(object, "type", webhook.filter.types);
  AppendWords(object, "stage", webhook.filter.stages);
  AppendWords(object, "level", webhook.filter.levels);
  AppendWords(object, "job", webhook.filter.jobs);
  if (!webhook.filter.text.empty()) {
    AppendJsonMember(object, "q", "\"" + webhook.filter.text + "\"");
  }
  AppendJsonMember(object, "format", JsonString(WebhookFormatName(webhook.format)));
  if (webhook.format == WebhookFormat::kTemplate) {
    AppendJsonMember(object, "template", JsonString(webhook.body_template));
    AppendJsonMember(object, "content_type", JsonString(webhook.content_type));
  }
  AppendJsonMember(object, "signing",
                   JsonString(kSigningNames[static_cast<size_t>(webhook.signing)]));
  if (webhook.handshake) AppendJsonMember(object, "handshake", "true");
  return object;
}

}  // namespace

std::string_view WebhookFormatName(WebhookFormat format) {
  return kFormatNames[static_cast<size_t>(format)];
}

bool MakesJson(const Webhook& webhook) {
  return ContainsText(LowerCase(webhook.content_type), "json");
}

bool Webhook::operator==(const Webhook& other) const {
  return EncodeWebhookWithSecrets(*this) == EncodeWebhookWithSecrets(other);
}

std::vector<std::string_view> WebhookKeys() { return {kWebhookKeys.begin(), kWebhookKeys.end()}; }

tl::expected<Webhook, Refusal> ParseWebhook(std::string_view json, int64_t now_micros) {
  return WebhookReader(now_micros).Read(json);
}

std::string EncodeWebhookWithSecrets(const Webhook& webhook) {
  std::string object = EncodeCommon(webhook, webhook.url);
  std::string headers = "{";
  for (const auto& [name, value] : webhook.headers) {
    if (headers.size() > 1) headers += ',';
    headers += JsonString(name) + ":" + JsonString(value);
  }
  if (!webhook.headers.empty()) AppendJsonMember(object, "headers", headers + "}");
  if (!webhook.secret.empty()) AppendJsonMember(object, "secret", JsonString(webhook.secret));
  return object + "}";
}

std::string EncodeWebhook(const Webhook& webhook) {
  const size_t query = webhook.url.find('?');
  std::string object = EncodeCommon(
      webhook, query == std::string::npos ? webhook.url : webhook.url.substr(0, query) + "?...");
  std::vector<std::string> names;
  for (const auto& [name, value] : webhook.headers) names.push_back(name);
  AppendWords(object, "headers", names);
  return object;
}

std::optional<std::string> KeyOfSecret(WebhookSigning signing, std::string_view secret) {
  const bool is_hmac = signing == WebhookSigning::kHmac;
  const std::string_view prefix = is_hmac ? "whsec_" : "whsk_";
  if (!secret.starts_with(prefix)) return std::nullopt;
  std::optional<std::string> key = DecodeBase64(secret.substr(prefix.size()));
  if (!key) return std::nullopt;
  if (is_hmac) return key->size() >= 24 && key->size() <= 64 ? key : std::nullopt;
  if (key->size() == 2 * kEd25519SeedBytes) key->resize(kEd25519SeedBytes);
  return key->size() == kEd25519SeedBytes ? key : std::nullopt;
}

}  // namespace stagelog
