#include "http/problem.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "core/json_text.h"
#include "http/content_coding.h"

namespace stagelog {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 74> kStatuses = {{
    {"malformed_request", 400},
    {"malformed_json", 400},
    {"malformed_encoding", 400},
    {"invalid_parameter", 400},
    {"unknown_parameter", 400},
    {"missing_token", 401},
    {"invalid_token", 401},
    {"invalid_ticket", 401},
    {"invalid_session", 401},
    {"invalid_link", 401},
    {"cross_origin", 403},
    {"invalid_session_secret", 403},
    {"token_required", 403},
    {"conflicting_credentials", 400},
    {"no_session", 404},
    {"access_not_stored", 503},
    {"forbidden", 403},
    {"read_only", 403},  // a replay that is served by the command line
    {"unknown_route", 404},
    {"unknown_job", 404},
    {"method_not_allowed", 405},
    {"request_timeout", 408},
    {"event_id_conflict", 409},
    {"job_exists", 409},
    {"strict_violation", 409},
    {"job_too_large", 409},
    {"illegal_transition", 409},
    {"gate_decided", 409},
    {"already_approved", 409},
    {"answers_differ", 409},
    {"backup_exists", 409},
    {"backup_running", 409},
    {"webhook_exists", 409},
    {"webhook_configured", 409},
    {"unknown_webhook", 404},
    {"unknown_delivery", 404},
    {"unknown_gate", 404},
    {"unknown_stage", 404},
    {"no_such_moment", 404},
    {"cursor_beyond_head", 410},
    {"job_deleted", 410},
    {"length_required", 411},
    {"body_too_large", 413},
    {"event_too_large", 413},
    {"batch_too_large", 413},
    {"uri_too_long", 414},
    {"precondition_failed", 412},
    {"unsupported_media_type", 415},
    {"unsupported_encoding", 415},
    {"expectation_failed", 417},
    {"unknown_host", 421},
    {"unknown_key", 422},
    {"unknown_type", 422},
    {"missing_field", 422},
    {"invalid_field", 422},
    {"choice_required", 422},
    {"answer_required", 422},
    {"invalid_id", 422},
    {"invalid_time", 422},
    {"duplicate_key", 422},
    {"job_mismatch", 422},
    {"not_an_object", 422},
    {"too_deep", 422},
    {"empty_batch", 422},
    {"rate_limited", 429},
    {"head_too_large", 431},
    {"read_failed", 500},
    {"backup_failed", 500},
    {"journal_unavailable", 503},
    {"overloaded", 503},
    {"shutting_down", 503},
    {"webhooks_unavailable", 503},
    {"tables_behind", 503},  // of jobs, which a list waits for
    {"unsupported_version", 505},
}};

}  // namespace

int StatusOfCode(const std::string& code) {
  const auto found = std::find_if(kStatuses.begin(), kStatuses.end(),
                                  [&](const auto& row) { return row.first == code; });
  return found == kStatuses.end() ? 500 : found->second;
}

std::map<std::string, int> ProblemStatuses() { return {kStatuses.begin(), kStatuses.end()}; }

httplib::Response ProblemResponse(const Refusal& refusal) {
  const int status = StatusOfCode(refusal.code);
  std::string body;
  AppendJsonMember(body, "type", "\"about:blank\"");
  AppendJsonMember(body, "title", JsonString(ReasonPhrase(status)));
  AppendJsonMember(body, "status", std::to_string(status));
  AppendJsonMember(body, "code", JsonString(refusal.code));
  AppendJsonMember(body, "detail", JsonString(refusal.detail));
  if (!refusal.field.empty()) AppendJsonMember(body, "field", JsonString(refusal.field));
  if (refusal.line) AppendJsonMember(body, "line", std::to_string(*refusal.line));
  if (refusal.index) AppendJsonMember(body, "index", std::to_string(*refusal.index));
  for (const auto& [name, value] : refusal.members) AppendJsonMember(body, name, value);
  body += "}\n";
  httplib::Response response = JsonResponse(status, std::move(body));
  response.headers.clear();
  response.headers.emplace("Content-Type", "application/problem+json");
  // Caches may keep some of these, 410 for one, and what is not there now may be there soon.
  response.headers.emplace("Cache-Control", "no-store");
  if (refusal.code == "unsupported_encoding") {
    response.headers.emplace("Accept-Encoding",
                             std::string(kContentCodings));  // RFC 9110, section 12.5.3
  }
  if (status == 401) response.headers.emplace("WWW-Authenticate", "Bearer realm=\"stagelog\"");
  if (status == 503) response.headers.emplace("Retry-After", "1");
  for (const auto& [name, value] : refusal.members) {
    if (name == "retry_after") response.headers.emplace("Retry-After", value);  // seconds
  }
  return response;
}

HandlerResult Refused(const Refusal& refusal) { return {ProblemResponse(refusal)}; }

httplib::Response JsonResponse(int status, std::string body) {
  httplib::Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers.emplace("Content-Type", "application/json");
  return response;
}

const char* ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

}  // namespace stagelog
