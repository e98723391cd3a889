#include "http/request_check.h"

#include <algorithm>

#include "base/text.h"
#include "core/append_refusal.h"
#include "core/json_text.h"
#include "core/query.h"
#include "http/access/identity.h"
#include "http/host_check.h"
#include "http/media_type.h"

namespace stagelog {
namespace {

std::optional<Refusal> CheckHost(const Exchange& exchange, const HttpPolicy& policy) {
  const std::string_view host = exchange.call.Header("Host").value_or("");
  const bool is_fine = host.empty() ? !exchange.is_http_1_1 : IsAllowedHost(host, policy.hosts);
  if (is_fine) return std::nullopt;
  return Refusal{.code = "unknown_host",
                 .detail = "unknown host name; to allow it, add it to server.hosts",
                 .field = "Host"};
}

Refusal NoRoute(const Exchange& exchange, const std::string& allowed_methods) {
  if (allowed_methods.empty()) {
    return {.code = "unknown_route", .detail = "no such path"};
  }
  return {.code = "method_not_allowed",
          .detail = "this path does not support " + exchange.call.request.method + "; use " +
                    allowed_methods};
}

// Fills in who is asking.
std::optional<Refusal> JudgeAccess(Exchange& exchange, const HttpPolicy& policy) {
  Call& call = exchange.call;
  const Access access = exchange.route->access;
  if (access == Access::kOpen || access == Access::kSignIn) return std::nullopt;
  auto principal = Identify(call, *exchange.route, *policy.tokens, policy.grants);
  if (!principal) return std::move(principal.error());
  call.principal = std::move(*principal);
  if (Admits(access, call.principal)) return std::nullopt;
  const bool is_append = access == Access::kAppender || access == Access::kAppenderOrTicket;
  return MissingRole("this request", NeededRole(access), call.principal,
                     is_append ? " ('approver' for gate decisions)" : "");
}

// Some clients and proxies say by a field that another method is meant. Whoever does not know the
// field does something else than what was asked for.
std::optional<Refusal> CheckMethodOverride(const Call& call) {
  for (const char* name : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}) {
    const std::optional<std::string_view> method = call.Header(name);
    if (!method || EqualsIgnoringCase(*method, call.request.method)) continue;
    return Refusal{.code = "malformed_request",
                   .detail = std::string("method overrides are not supported: remove '") + name +
                             "' (the request line says " + call.request.method + ")",
                   .field = name};
  }
  return std::nullopt;
}

// What changes something has no entity tag, so no condition on one can be evaluated (RFC 9110,
// section 13.1); handlers of states evaluate If-None-Match for GET.
// If-Modified-Since counts for GET and HEAD alone (section 13.1.3).
std::optional<Refusal> JudgeConditions(const Call& call) {
  if (call.request.method == "GET" || call.request.method == "HEAD") return std::nullopt;
  for (const char* name : {"If-Match", "If-None-Match", "If-Unmodified-Since"}) {
    if (!call.Header(name)) continue;
    return Refusal{.code = "precondition_failed",
                   .detail = std::string("conditional requests ('") + name +
                             "') are not supported; nothing was changed",
                   .field = name};
  }
  return std::nullopt;
}

std::optional<Refusal> CheckExpectation(const Call& call) {
  const std::optional<std::string_view> expectation = call.Header("Expect");
  if (!expectation || expectation->empty() || EqualsIgnoringCase(*expectation, "100-continue")) {
    return std::nullopt;
  }
  return Refusal{.code = "expectation_failed",
                 .detail = "the only expectation supported is 'Expect: 100-continue'",
                 .field = "Expect"};
}

Refusal UnsupportedMediaType(const BodyTypes& types, const std::string& sent) {
  std::string names;
  for (size_t i = 0; i < types.names.size(); ++i) {
    if (i > 0) names += i + 1 == types.names.size() ? " or " : ", ";
    names += types.names[i];
    if (types.names[i] == kJsonType) names += " (curl --json)";
  }
  return {.code = "unsupported_media_type",
          .detail = "send " + names + ", in UTF-8, not " + sent,
          .field = "Content-Type"};
}

bool HasFieldOf(const Call& call, std::string_view prefix) {
  return !prefix.empty() &&
         std::any_of(call.fields.begin(), call.fields.end(), [prefix](const auto& field) {
           return EqualsIgnoringCase(field.first.substr(0, prefix.size()), prefix);
         });
}

// One that has no type is refused as well: a page of another origin can send such a body without
// asking first.
std::optional<Refusal> CheckMediaType(const Call& call, const BodyTypes& types) {
  const MediaType media_type = ParseMediaType(call.Header("Content-Type").value_or(""));
  const bool is_named =
      std::find(types.names.begin(), types.names.end(), media_type.type) != types.names.end();
  if (!is_named) {
    // Nor can a page of another origin send such a field without asking first.
    if (HasFieldOf(call, types.any_beside_fields)) return std::nullopt;
    return UnsupportedMediaType(types, "'" + QuotableText(media_type.type, 80) + "'");
  }
  const std::optional<std::string> charset = OtherCharset(media_type);
  if (!charset) return std::nullopt;
  return UnsupportedMediaType(types, "the charset '" + QuotableText(*charset, 80) + "'");
}

// One coding, once: what is packed in layers expands beyond any bound.
std::optional<Refusal> TakeContentCoding(Exchange& exchange) {
  for (const auto& [name, value] : exchange.call.fields) {
    if (!EqualsIgnoringCase(name, "Content-Encoding")) continue;
    // "identity" is what no coding is called, and may stand in a list.
    for (const std::string& word : SplitList(value)) {
      const std::optional<ContentCoding> coding = ParseContentCoding(ParseMediaType(word).type);
      if (coding == ContentCoding::kIdentity) continue;
      if (coding && exchange.coding == ContentCoding::kIdentity) {
        exchange.coding = *coding;
        continue;
      }
      return Refusal{.code = "unsupported_encoding",
                     .detail =
                         "send the body as gzip, zstd or uncompressed (Content-Encoding: "
                         "identity), not '" +
                         QuotableText(value, 80) + "'",
                     .field = "Content-Encoding"};
    }
  }
  return std::nullopt;
}

// What the head says of the body.
std::optional<Refusal> JudgeBody(Exchange& exchange) {
  const Call& call = exchange.call;
  const bool is_empty = exchange.body_is_here && !call.Header("Content-Type");
  if (!exchange.route->takes_body || !call.has_body) return std::nullopt;
  if (auto refusal = TakeContentCoding(exchange)) return refusal;
  if (call.Header("Content-Range")) {
    return Refusal{
        .code = "malformed_request",
        .detail = "partial bodies are not supported: send the whole body without 'Content-Range'",
        .field = "Content-Range"};
  }
  return is_empty ? std::nullopt : CheckMediaType(call, exchange.route->body_types);
}

std::optional<Refusal> CheckLength(const Exchange& exchange, const ServerLoad& load) {
  if (exchange.route->is_append && !exchange.call.has_body) {
    return Refusal{
        .code = "length_required",
        .detail = "the request has no body; send one with Content-Length or chunked encoding"};
  }
  if (exchange.content_length > load.max_request_bytes) {
    return Refusal{.code = "body_too_large",
                   .detail = "the request body is too large: the limit is " +
                             std::to_string(load.max_request_bytes) + " bytes"};
  }
  return std::nullopt;
}

}  // namespace

Refusal TooManyBodies() {
  return Overloaded("too many request bodies are in flight; try again later");
}

Refusal RateLimited(const Principal& principal) {
  return {.code = "rate_limited",
          .detail = "the token '" + principal.token_name + "' may make " +
                    std::to_string(principal.requests_per_minute) +
                    " requests a minute; nothing was done, see Retry-After"};
}

std::optional<Refusal> CheckRequest(Exchange& exchange, const std::string& allowed_methods,
                                    const HttpPolicy& policy, const ServerLoad& load) {
  if (auto refusal = CheckHost(exchange, policy)) return refusal;
  if (load.shutting_down) {
    exchange.keep_alive = false;
    return ShuttingDown("not_applied");
  }
  if (exchange.call.request.method == "OPTIONS") return std::nullopt;
  if (auto refusal = CheckMethodOverride(exchange.call)) return refusal;
  if (exchange.route == nullptr) return NoRoute(exchange, allowed_methods);
  if (auto refusal = JudgeAccess(exchange, policy)) return refusal;
  if (load.too_many_connections && !exchange.route->is_stream) {
    exchange.keep_alive = false;
    return Overloaded("too many open connections; try again later");
  }
  if (auto refusal = JudgeConditions(exchange.call)) return refusal;
  if (auto refusal = CheckExpectation(exchange.call)) return refusal;
  if (auto refusal = JudgeBody(exchange)) return refusal;
  return CheckLength(exchange, load);
}

}  // namespace stagelog
