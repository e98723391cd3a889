#include "http/request_judge.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/append_refusal.h"
#include "core/json_text.h"
#include "http/host_check.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 2> kJsonTypes = {"application/json", "application/x-ndjson"};

// "application/json" of "Application/JSON; charset=utf-8".
std::string MediaType(std::string_view field) {
  std::string type(field.substr(0, field.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

std::optional<Refusal> JudgeHost(const Exchange& exchange, const HttpPolicy& policy) {
  const std::string_view host = exchange.call.Header("Host").value_or("");
  const bool is_fine = host.empty() ? !exchange.is_http_1_1 : IsAllowedHost(host, policy.hosts);
  if (is_fine) return std::nullopt;
  return Refusal{.code = "unknown_host",
                 .detail = "this daemon does not answer for that name; add it to server.hosts",
                 .field = "Host"};
}

Refusal NoRoute(const Exchange& exchange, const std::string& allowed_methods) {
  if (allowed_methods.empty()) {
    return {.code = "unknown_route", .detail = "nothing is served at this path"};
  }
  return {.code = "method_not_allowed",
          .detail = "this path does not serve " + exchange.call.request.method + "; it serves " +
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
  return Refusal{
      .code = "forbidden",
      .detail = "the roles of token '" + call.principal.token_name + "' do not allow this"};
}

std::optional<Refusal> JudgeMediaType(const Exchange& exchange) {
  const Call& call = exchange.call;
  const std::optional<std::string_view> type = call.Header("Content-Type");
  const bool is_empty = exchange.body_is_here && !type;
  if (!exchange.route->takes_body || !call.has_body || is_empty) return std::nullopt;
  const std::string media_type = MediaType(type.value_or(""));
  if (std::find(kJsonTypes.begin(), kJsonTypes.end(), media_type) != kJsonTypes.end()) {
    return std::nullopt;
  }
  return Refusal{.code = "unsupported_media_type",
                 .detail = "send application/json (curl --json) or application/x-ndjson, not '" +
                           QuotableText(media_type, 80) + "'",
                 .field = "Content-Type"};
}

std::optional<Refusal> JudgeLength(const Exchange& exchange, const ServerLoad& load) {
  if (exchange.route->is_append && !exchange.call.has_body) {
    return Refusal{.code = "length_required",
                   .detail = "the request has no body; send Content-Length or chunks"};
  }
  if (exchange.content_length > load.max_request_bytes) {
    return Refusal{.code = "body_too_large",
                   .detail = "a request's body is at most " +
                             std::to_string(load.max_request_bytes) + " bytes"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> JudgeRequest(Exchange& exchange, const std::string& allowed_methods,
                                    const HttpPolicy& policy, const ServerLoad& load) {
  if (auto refusal = JudgeHost(exchange, policy)) return refusal;
  if (load.shutting_down) {
    exchange.keep_alive = false;
    return ShuttingDown("not_applied");
  }
  if (exchange.call.request.method == "OPTIONS") return std::nullopt;
  if (exchange.route == nullptr) return NoRoute(exchange, allowed_methods);
  if (auto refusal = JudgeAccess(exchange, policy)) return refusal;
  if (load.too_many_connections && !exchange.route->is_stream) {
    exchange.keep_alive = false;
    return Overloaded("too many connections are open; try again");
  }
  if (auto refusal = JudgeMediaType(exchange)) return refusal;
  return JudgeLength(exchange, load);
}

}  // namespace stagelog
