#include "http/request_check.h"

#include "base/text.h"
#include "core/append_refusal.h"
#include "core/json_text.h"
#include "core/query.h"
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
  if (access == Access::kOpen) return std::nullopt;
  auto principal = policy.tokens->Authenticate(call.Header("Authorization").value_or(""));
  if (!principal) return std::move(principal.error());
  call.principal = std::move(*principal);
  if (Admits(access, call.principal)) return std::nullopt;
  const bool is_append = access == Access::kAppender;
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

// Nothing here has an entity tag, so no condition on one can be evaluated (RFC 9110, section 13.1).
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

Refusal UnsupportedMediaType(const std::string& sent, const char* field) {
  return {.code = "unsupported_media_type",
          .detail =
              "send application/json (curl --json) or application/x-ndjson, in UTF-8, not " + sent,
          .field = field};
}

// One that has no type is refused as well: a page of another origin can send such a body without
// asking first.
std::optional<Refusal> CheckMediaType(const Call& call) {
  const MediaType media_type = ParseMediaType(call.Header("Content-Type").value_or(""));
  if (media_type.type != kJsonType && media_type.type != kNdjsonType) {
    return UnsupportedMediaType("'" + QuotableText(media_type.type, 80) + "'", "Content-Type");
  }
  const std::optional<std::string> charset = OtherCharset(media_type);
  if (!charset) return std::nullopt;
  return UnsupportedMediaType("the charset '" + QuotableText(*charset, 80) + "'", "Content-Type");
}

std::optional<Refusal> JudgeContentCoding(const Call& call) {
  for (const auto& [name, value] : call.fields) {
    if (!EqualsIgnoringCase(name, "Content-Encoding")) continue;
    // "identity" is what no coding is called, and may stand in a list.
    for (const std::string& coding : SplitList(value)) {
      const std::string word = ParseMediaType(coding).type;
      if (word.empty() || word == "identity") continue;
      return Refusal{.code = "unsupported_encoding",
                     .detail = "send the body uncompressed (Content-Encoding: identity), not '" +
                               QuotableText(value, 80) + "'",
                     .field = "Content-Encoding"};
    }
  }
  return std::nullopt;
}

// What the head says of the body.
std::optional<Refusal> JudgeBody(const Exchange& exchange) {
  const Call& call = exchange.call;
  const bool is_empty = exchange.body_is_here && !call.Header("Content-Type");
  if (!exchange.route->takes_body || !call.has_body) return std::nullopt;
  if (auto refusal = JudgeContentCoding(call)) return refusal;
  if (call.Header("Content-Range")) {
    return Refusal{
        .code = "malformed_request",
        .detail = "partial bodies are not supported: send the whole body without 'Content-Range'",
        .field = "Content-Range"};
  }
  return is_empty ? std::nullopt : CheckMediaType(call);
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
