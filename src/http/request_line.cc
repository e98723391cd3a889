#include "http/request_line.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace stagelog {
namespace {

constexpr size_t kMaxRemembered = 1'024;
constexpr size_t kMaxRememberedBytes = 512;

// A slash that is spelled %2F is no separator: it is ours only within what takes all the rest of
// the path, a nested stage's name, which clients that encode a parameter send like that.
bool SlashesArePlain(std::string_view line, const Route* route) {
  const std::string_view path = line.substr(0, line.find('?'));
  const size_t encoded = std::min(path.find("%2F"), path.find("%2f"));
  if (encoded == std::string_view::npos) return true;
  if (route == nullptr || !route->pattern.ends_with("*}")) return false;
  const std::string_view before = path.substr(0, encoded);
  return std::count(before.begin(), before.end(), '/') >=
         std::count(route->pattern.begin(), route->pattern.end(), '/');
}

// cpp-httplib takes a parameter's value from its last '=' on, and `q=key=value` is what one types
// to look for that in a log.
std::string SpellLaterEquals(std::string_view line) {
  std::string spelled;
  spelled.reserve(line.size() + 8);
  bool in_query = false;
  bool in_value = false;
  for (const char c : line) {
    if (c == '?') in_query = true;
    if (c == '&') in_value = false;
    if (c == '=' && in_value) {
      spelled += "%3D";
      continue;
    }
    if (c == '=' && in_query) in_value = true;
    spelled += c;
  }
  return spelled;
}

}  // namespace

std::optional<RequestLine> RequestLineReader::Read(const std::string& line,
                                                   const RouteTable& routes) {
  if (const auto found = appends_.find(line); found != appends_.end()) return found->second;
  std::optional<httplib::Request> request = library_.ParseRequestLine(SpellLaterEquals(line));
  if (!request) return std::nullopt;
  RequestLine read;
  read.match = routes.Match(request->method, request->path);
  read.request = std::move(*request);
  read.request.headers.clear();
  if (!SlashesArePlain(line, read.match.route)) read.match = RouteMatch();
  const bool is_append = read.match.route != nullptr && read.match.route->is_append;
  if (is_append && line.size() <= kMaxRememberedBytes) {
    if (appends_.size() >= kMaxRemembered) appends_.clear();
    appends_.emplace(line, read);
  }
  return read;
}

}  // namespace stagelog
