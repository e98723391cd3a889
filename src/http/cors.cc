#include "http/cors.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/text.h"
#include "http/host_check.h"

namespace stagelog {
namespace {

// A scheme and the port that a browser leaves out for it.
struct Scheme {
  std::string_view prefix;
  uint16_t port;
};

std::optional<Scheme> SchemeOf(std::string_view origin) {
  for (const Scheme& scheme : {Scheme{"http://", 80}, Scheme{"https://", 443}}) {
    if (origin.starts_with(scheme.prefix)) return scheme;
  }
  return std::nullopt;
}

// ":5173", decimal and without a leading zero, and not the scheme's own.
bool IsPortPart(std::string_view text, uint16_t default_port) {
  if (text.size() < 2 || text[0] != ':' || text[1] == '0') return false;
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != default_port;
}

// What an answer may carry, beyond what a page may always read: all of ours but those for proxies.
constexpr std::string_view kExposedFields =
    "Location, Retry-After, Allow, WWW-Authenticate, Accept-Encoding, Date, ETag, Link, "
    "RateLimit, RateLimit-Policy, Stagelog-Next-After, Stagelog-Has-More, Stagelog-Head-Seq";

// What a request may carry: the attributes that a CloudEvent usually has among them.
constexpr std::string_view kAllowedFields =
    "Authorization, Content-Type, Content-Encoding, Last-Event-ID, Idempotency-Key, "
    "If-None-Match, ce-id, ce-source, ce-specversion, ce-type, ce-subject, ce-time";

// A page of no origin (a local file, a sandboxed frame) sends "null"; only "*" admits it. What is
// echoed into the head is always well formed.
bool IsAllowedOrigin(std::string_view origin, const std::vector<std::string>& allowed_origins) {
  if (!IsOrigin(origin) && origin != "null") return false;
  return std::any_of(allowed_origins.begin(), allowed_origins.end(),
                     [origin](const std::string& allowed) {
                       return allowed == "*" || EqualsIgnoringCase(allowed, origin);
                     });
}

}  // namespace

bool IsOrigin(std::string_view text) {
  const std::optional<Scheme> scheme = SchemeOf(text);
  if (!scheme) return false;
  std::string_view host = text.substr(scheme->prefix.size());
  const bool bracketed = host.starts_with('[');
  const size_t port_at = host.find(':', bracketed ? host.find(']') : 0);
  if (port_at != std::string_view::npos) {
    if (!IsPortPart(host.substr(port_at), scheme->port)) return false;
    host = host.substr(0, port_at);
  }
  if (!bracketed) return IsHostName(host);
  return host.size() > 2 && host.ends_with(']') && host.find(':') != std::string_view::npos &&
         IsHostName(host.substr(1, host.size() - 2));
}

HeaderFields CorsFields(std::string_view origin, const std::vector<std::string>& allowed_origins) {
  if (allowed_origins.empty()) return {};
  // A cache must not give one origin's answer to another, also when the first had no origin.
  HeaderFields fields = {{"Vary", "Origin"}};
  if (!IsAllowedOrigin(origin, allowed_origins)) return fields;
  fields.emplace_back("Access-Control-Allow-Origin", origin);
  fields.emplace_back("Access-Control-Expose-Headers", kExposedFields);
  return fields;
}

HeaderFields PreflightFields(std::string_view origin,
                             const std::vector<std::string>& allowed_origins) {
  HeaderFields fields = CorsFields(origin, allowed_origins);
  if (!IsAllowedOrigin(origin, allowed_origins)) return fields;
  fields.emplace_back("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS");
  fields.emplace_back("Access-Control-Allow-Headers", kAllowedFields);
  fields.emplace_back("Access-Control-Max-Age", "600");  // seconds
  return fields;
}

}  // namespace stagelog
