#include "http/route_table.h"

namespace stagelog {
namespace {

std::string_view TakePart(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view part = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return part;
}

bool MatchesPattern(std::string_view pattern, std::string_view path,
                    std::vector<std::string>& captures) {
  captures.clear();
  if (!path.starts_with('/')) return false;
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  const bool trailing_slash = path.ends_with('/');
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = TakePart(pattern);
    if (expected.ends_with("*}")) {  // all that is left of the path
      captures.emplace_back(path);
      return !trailing_slash;
    }
    const std::string_view part = TakePart(path);
    if (expected.starts_with('{')) {
      captures.emplace_back(part);
    } else if (expected != part) {
      return false;
    }
  }
  return pattern.empty() && path.empty() && !trailing_slash;
}

}  // namespace

bool Admits(Access access, const Principal& principal) {
  switch (access) {
    case Access::kOpen:
    case Access::kSignIn:
      return true;
    case Access::kReader:
    case Access::kSignOut:
    case Access::kReaderOrTicket:
      return principal.May(Role::kReader);
    case Access::kWriter:
      return principal.May(Role::kWriter);
    case Access::kApprover:
      return principal.May(Role::kApprover);
    case Access::kAdmin:
    case Access::kAdminByToken:
      return principal.May(Role::kAdmin);
    case Access::kAppender:
    case Access::kAppenderOrTicket:
      return principal.May(Role::kWriter) || principal.May(Role::kApprover);
  }
  return false;
}

Role NeededRole(Access access) {
  switch (access) {
    case Access::kOpen:
    case Access::kSignIn:
    case Access::kReader:
    case Access::kSignOut:
    case Access::kReaderOrTicket:
      return Role::kReader;
    case Access::kWriter:
    case Access::kAppender:
    case Access::kAppenderOrTicket:
      return Role::kWriter;
    case Access::kApprover:
      return Role::kApprover;
    case Access::kAdmin:
    case Access::kAdminByToken:
      break;
  }
  return Role::kAdmin;
}

RouteMatch RouteTable::Match(std::string_view method, std::string_view path) const {
  RouteMatch match;
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  std::vector<std::string> captures;
  for (const Route& route : routes_) {
    if (!MatchesPattern(route.pattern, path, captures)) continue;
    if (route.method == wanted) {
      match.route = &route;
      match.captures = std::move(captures);
      match.allowed.clear();
      return match;
    }
    if (!match.allowed.empty()) match.allowed += ", ";
    match.allowed += route.method == "GET" ? "GET, HEAD" : route.method;
  }
  if (!match.allowed.empty()) match.allowed += ", OPTIONS";
  return match;
}

}  // namespace stagelog
