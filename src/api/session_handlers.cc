// Signing in from a browser: a token, or a one-time link, for a session.
#include <array>

#include "api/api.h"
#include "api/flat_body.h"
#include "base/timestamp.h"
#include "core/json_text.h"
#include "http/access/grants.h"
#include "http/access/identity.h"
#include "http/problem.h"

namespace stagelog {
namespace {

constexpr std::array<std::string_view, 2> kSignInKeys = {"token", "link"};
constexpr const char* kSessionPath = "/api/v1/session";
// The daemon's pages ask nothing but the API, and other servers of this machine get less.
constexpr const char* kCookiePath = "/api/v1";

Refusal NoSessions() {
  return {.code = "read_only", .detail = "a replay has no sessions and tickets; send the token"};
}

std::string RolesJson(const Principal& principal) {
  std::string roles = "[";
  for (const std::string_view role : principal.Roles()) {
    if (roles.size() > 1) roles += ',';
    AppendJsonString(roles, role);
  }
  return roles + "]";
}

// An object that is not closed.
std::string IdentityJson(const Principal& principal) {
  std::string object;
  AppendJsonMember(object, "name", JsonString(principal.token_name));
  AppendJsonMember(object, "roles", RolesJson(principal));
  return object;
}

void SetCookie(httplib::Response& response, const Call& call, const Grants& grants,
               const std::string& value, int64_t max_age_seconds) {
  std::string cookie = grants.cookie_name() + "=" + value + "; Path=" + kCookiePath +
                       "; Max-Age=" + std::to_string(max_age_seconds) +
                       "; HttpOnly; SameSite=Strict";
  // TLS ends at a proxy; what the browser's page was loaded by stands in its origin.
  if (call.Header("Origin").value_or("").starts_with("https://")) cookie += "; Secure";
  response.headers.emplace("Set-Cookie", cookie);
}

HandlerResult SignedInAnswer(const Call& call, const Grants& grants, const SignedIn& signed_in) {
  std::string body = IdentityJson(signed_in.principal);
  AppendJsonMember(body, "session_secret", JsonString(signed_in.secret));
  AppendJsonMember(body, "expires_at", JsonString(FormatTimestamp(signed_in.expires_at_micros)));
  AppendJsonMember(body, "idle_seconds", std::to_string(grants.limits().idle_micros / 1'000'000));
  httplib::Response response = JsonResponse(201, body + "}\n");
  response.headers.emplace("Location", kSessionPath);
  response.headers.emplace("Cache-Control", "no-store");
  SetCookie(response, call, grants, signed_in.cookie, grants.limits().life_micros / 1'000'000);
  return {std::move(response)};
}

// A page of another origin must not sign somebody in as somebody else. What is no browser sends
// neither field.
bool MaySignIn(const Call& call) {
  const bool is_browser = call.Header("Sec-Fetch-Site") || call.Header("Origin");
  return !is_browser || IsOfThisOrigin(call);
}

}  // namespace

HandlerResult SignIn(const ApiServices& services, Call call, const Responder&) {
  if (services.grants == nullptr) return Refused(NoSessions());
  if (!MaySignIn(call)) {
    return Refused({.code = "cross_origin",
                    .detail = "only a page of this origin signs in",
                    .field = call.Header("Sec-Fetch-Site") ? "Sec-Fetch-Site" : "Origin"});
  }
  const auto body = FlatBody::Read(call, kSignInKeys);
  if (!body) return Refused(body.error());
  const auto token = body->Text("token");
  if (!token) return Refused(token.error());
  const auto link = body->Text("link");
  if (!link) return Refused(link.error());
  if (token->has_value() == link->has_value()) {
    return Refused(
        {.code = "missing_field", .detail = "send either 'token' or 'link'", .field = "token"});
  }
  call.request.body.clear();
  return {RunOnPool{[&grants = *services.grants, call = std::move(call), token = *token,
                     link = *link]() -> HandlerResult {
    const auto signed_in = token ? grants.SignIn(*token, call.peer) : grants.SignInByLink(*link);
    if (!signed_in) return Refused(signed_in.error());
    return SignedInAnswer(call, grants, *signed_in);
  }}};
}

HandlerResult ShowSession(const ApiServices& services, Call call, const Responder&) {
  const Principal& principal = call.principal;
  std::string body = IdentityJson(principal);
  const bool is_session = principal.door == Principal::Door::kSession;
  AppendJsonMember(body, "via", is_session ? "\"session\"" : "\"token\"");
  if (is_session) {
    AppendJsonMember(body, "expires_at", JsonString(FormatTimestamp(principal.expires_at_micros)));
  }
  httplib::Response response = JsonResponse(200, body + "}\n");
  response.headers.emplace("Cache-Control", "no-store");
  if (!is_session) return {std::move(response)};
  return {RunOnPool{[grants = services.grants, response]() -> HandlerResult {
    grants->StoreUse(/*at_once=*/false);
    return {response};
  }}};
}

HandlerResult SignOut(const ApiServices& services, Call call, const Responder&) {
  if (call.principal.door != Principal::Door::kSession) {
    return Refused({.code = "no_session",
                    .detail = "a token has no session to end; remove it from auth.tokens instead"});
  }
  return {RunOnPool{[services, call = std::move(call)]() -> HandlerResult {
    if (auto refusal = services.grants->SignOut(call.principal.session_id)) {
      return Refused(*refusal);
    }
    httplib::Response response;
    response.status = 204;
    SetCookie(response, call, *services.grants, "", 0);
    return {std::move(response)};
  }}};
}

HandlerResult MakeSignInLink(const ApiServices& services, Call call, const Responder&) {
  if (services.grants == nullptr) return Refused(NoSessions());
  if (const auto body = FlatBody::Read(call, {}); !body) return Refused(body.error());
  if (call.principal.door != Principal::Door::kToken) {
    return Refused(
        {.code = "token_required",
         .detail = "a session makes no further one; send 'Authorization: Bearer <token>'",
         .field = "Authorization"});
  }
  const SignInLink link = services.grants->MakeLink(call.principal);
  std::string body;
  AppendJsonMember(body, "link", JsonString(link.secret));
  AppendJsonMember(body, "path", JsonString("/#link=" + link.secret));
  AppendJsonMember(body, "expires_at", JsonString(FormatTimestamp(link.expires_at_micros)));
  httplib::Response response = JsonResponse(201, body + "}\n");
  response.headers.emplace("Cache-Control", "no-store");
  return {std::move(response)};
}

}  // namespace stagelog
