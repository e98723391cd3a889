#include "http/access/identity.h"

#include <openssl/crypto.h>

#include <utility>

#include "base/sha256.h"
#include "base/text.h"
#include "http/request_head.h"

namespace stagelog {
namespace {

using Identity = tl::expected<Principal, Refusal>;

// By which a search of everything is one of a single scope.
constexpr const char* kScopeParameter = "job";

bool IsSafe(const Call& call) {
  return call.request.method == "GET" || call.request.method == "HEAD";
}

tl::unexpected<Refusal> Refuse(std::string code, std::string detail, std::string field) {
  return tl::unexpected<Refusal>(
      Refusal{.code = std::move(code), .detail = std::move(detail), .field = std::move(field)});
}

bool TakesTickets(Access access) {
  return access == Access::kReaderOrTicket || access == Access::kAppenderOrTicket;
}

// What the request is about: the first capture of its path, or the filter that stands for it.
std::string ScopeOf(const Call& call) {
  return call.captures.empty() ? call.Parameter(kScopeParameter).value_or("")
                               : call.captures.front();
}

Identity ByTicket(const Call& call, const Route& route, std::string_view text, Grants& grants) {
  Identity principal = grants.UseTicket(text);
  if (!principal) return principal;
  const bool fits = TakesTickets(route.access) && (IsSafe(call) || principal->writer);
  if (!fits) {
    return Refuse("forbidden",
                  principal->writer ? "the ticket opens only the events and the state of its job"
                                    : "the ticket only reads events and states",
                  kTicketParameter);
  }
  const std::string& scope = principal->scope;
  if (!scope.empty() && ScopeOf(call) != scope) {
    return Refuse("forbidden", "the ticket is for job '" + scope + "' alone", kTicketParameter);
  }
  return principal;
}

Identity ByTicketInQuery(Call& call, const Route& route, Grants& grants) {
  const auto [first, last] = call.request.params.equal_range(kTicketParameter);
  const std::string text = first->second;
  const bool is_repeated = std::next(first) != last;
  call.request.params.erase(kTicketParameter);
  if (is_repeated) {
    return Refuse("invalid_parameter", "duplicate parameter 'ticket'", kTicketParameter);
  }
  if (call.Header("Authorization")) {
    return Refuse("conflicting_credentials",
                  "send either the header 'Authorization' or the parameter 'ticket'",
                  kTicketParameter);
  }
  Identity principal = ByTicket(call, route, text, grants);
  if (principal && principal->writer) {
    return Refuse("forbidden",
                  "a ticket that appends is sent as 'Authorization: Bearer <ticket>': what stands "
                  "in a URL is written down in many places",
                  kTicketParameter);
  }
  return principal;
}

Identity ByToken(const Call& call, const Route& route, const TokenTable& tokens, Grants* grants) {
  const std::string_view authorization = call.Header("Authorization").value_or("");
  Identity principal = tokens.Authenticate(authorization);
  const std::string_view token = PresentedToken(authorization);
  const bool may_be_ticket = !principal && grants != nullptr && token.starts_with(kTicketPrefix);
  return may_be_ticket ? ByTicket(call, route, token, *grants) : principal;
}

bool HasSecret(const Call& call, const Session& session) {
  const std::string given = Sha256Hex(call.Header(kSessionField).value_or(""));
  return given.size() == session.secret_hash.size() &&
         CRYPTO_memcmp(given.data(), session.secret_hash.data(), given.size()) == 0;
}

Identity BySession(const Call& call, const Route& route,
                   const std::vector<std::string_view>& cookies, Grants& grants) {
  if (!IsOfThisOrigin(call)) {
    return Refuse("cross_origin",
                  "the session's cookie counts only for pages of this origin; elsewhere send "
                  "'Authorization: Bearer <token>' or a ticket",
                  "Cookie");
  }
  auto used = grants.UseSession(cookies.front());
  for (size_t i = 1; !used && i < cookies.size(); ++i) used = grants.UseSession(cookies[i]);
  if (!used) return tl::unexpected(std::move(used.error()));
  auto& [principal, session] = *used;
  const bool needs_secret = !IsSafe(call) && route.access != Access::kSignOut;
  if (needs_secret && !HasSecret(call, session)) {
    return Refuse("invalid_session_secret",
                  std::string("what changes something needs the header '") + kSessionField +
                      "' with the secret from the sign-in",
                  kSessionField);
  }
  // Said after the role: who may not do it in any case is not asked for a token.
  if (route.access == Access::kAdminByToken && principal.admin) {
    return Refuse("token_required",
                  "a session is not enough for this; send 'Authorization: Bearer <token>'",
                  "Authorization");
  }
  principal.session_id = std::move(session.id);
  return std::move(principal);
}

}  // namespace

bool IsOfThisOrigin(const Call& call) {
  bool says_site = false;
  for (const auto& [field, value] : call.fields) {
    if (!EqualsIgnoringCase(field, "Sec-Fetch-Site")) continue;
    if (value != "same-origin") return false;
    says_site = true;
  }
  if (says_site) return true;
  std::string_view origin = call.Header("Origin").value_or("");
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!origin.starts_with(scheme)) continue;
    origin.remove_prefix(scheme.size());
    return !origin.empty() && EqualsIgnoringCase(origin, call.Header("Host").value_or(""));
  }
  return false;
}

std::vector<std::string_view> CookiesOf(const Call& call, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& [field, value] : call.fields) {
    if (!EqualsIgnoringCase(field, "Cookie")) continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const size_t end = rest.find(';');
      const std::string_view pair = Trimmed(rest.substr(0, end), kOptionalSpace);
      rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
        values.push_back(pair.substr(name.size() + 1));
      }
    }
  }
  return values;
}

Identity Identify(Call& call, const Route& route, const TokenTable& tokens, Grants* grants) {
  if (grants != nullptr && call.request.has_param(kTicketParameter)) {
    return ByTicketInQuery(call, route, *grants);
  }
  if (grants == nullptr || call.Header("Authorization")) {
    return ByToken(call, route, tokens, grants);
  }
  const auto cookies = CookiesOf(call, grants->cookie_name());
  return cookies.empty() ? ByToken(call, route, tokens, grants)
                         : BySession(call, route, cookies, *grants);
}

}  // namespace stagelog
