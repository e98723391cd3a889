#include "http/host_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "base/text.h"

namespace stagelog {
namespace {

// The longest name that DNS knows (RFC 1035, section 2.3.4).
constexpr size_t kMaxNameBytes = 253;

// An underscore is not a host name's by RFC 1123, but container networks give such names.
bool IsNameCharacter(char c) { return IsAlphanumeric(c) || c == '-' || c == '_'; }

// Labels of letters, digits, '-' and '_', joined by single dots.
bool IsName(std::string_view text) {
  if (text.empty() || text.size() > kMaxNameBytes) return false;
  bool in_label = false;
  for (const char c : text) {
    if (c == '.' ? !in_label : !IsNameCharacter(c)) return false;
    in_label = c != '.';
  }
  return in_label;
}

// inet_pton() would stop at a NUL and take what stands before it.
bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

bool IsIpv4(std::string_view text) {
  in_addr address;
  return !HasNul(text) && inet_pton(AF_INET, std::string(text).c_str(), &address) == 1;
}

std::optional<in6_addr> ParseIpv6(std::string_view text) {
  in6_addr address;
  if (HasNul(text) || inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1)
    return std::nullopt;
  return address;
}

bool IsPort(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view WithoutLastDot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// "[address]" or "[address]:port".
bool IsBracketedIpv6(std::string_view text) {
  const size_t close = text.find(']');
  if (close == std::string_view::npos) return false;
  const std::string_view rest = text.substr(close + 1);
  if (!rest.empty() && (rest.front() != ':' || !IsPort(rest.substr(1)))) return false;
  return ParseIpv6(text.substr(1, close - 1)).has_value();
}

}  // namespace

bool IsAllowedHost(std::string_view host_header, const std::vector<std::string>& hosts) {
  if (host_header.starts_with('[')) return IsBracketedIpv6(host_header);
  const size_t colon = host_header.find(':');
  if (colon != std::string_view::npos && !IsPort(host_header.substr(colon + 1))) return false;
  const std::string_view name = WithoutLastDot(host_header.substr(0, colon));
  if (!IsName(name)) return false;
  if (name.find('.') == std::string_view::npos || IsIpv4(name)) return true;
  return std::any_of(hosts.begin(), hosts.end(), [name](const std::string& host) {
    return EqualsIgnoringCase(WithoutLastDot(host), name);
  });
}

bool IsHostName(std::string_view text) {
  return IsName(WithoutLastDot(text)) || ParseIpv6(text).has_value();
}

bool IsLoopbackHost(std::string_view host) {
  if (EqualsIgnoringCase(WithoutLastDot(host), "localhost")) return true;
  if (IsIpv4(host)) return host.starts_with("127.");
  const std::optional<in6_addr> address = ParseIpv6(host);
  return address.has_value() && IN6_IS_ADDR_LOOPBACK(&*address);
}

}  // namespace stagelog
