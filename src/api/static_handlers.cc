// The daemon's pages: its own, and the one that shows the description of the API and lets one try
// it.
#include <algorithm>
#include <string>

#include "api/api.h"
#include "api/static_files.h"
#include "http/problem.h"

namespace stagelog {
namespace {

// The pages take nothing from elsewhere, and nobody may put them into a frame.
constexpr const char* kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const char* TypeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  return "text/javascript; charset=utf-8";
}

// On the pool, where large answers are compressed.
HandlerResult ShowFile(const std::string& path) {
  const auto files = StaticFiles();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&path](const StaticFile& file) { return file.path == path; });
  if (found == files.end()) {
    return Refused({.code = "unknown_route", .detail = "there is no such file"});
  }
  return {RunOnPool{[file = *found]() -> HandlerResult {
    httplib::Response response;
    response.status = 200;
    response.body = file.bytes;
    response.headers.emplace("Content-Type", TypeOf(file.path));
    response.headers.emplace("Content-Security-Policy", kPagePolicy);
    response.headers.emplace("X-Content-Type-Options", "nosniff");
    response.headers.emplace("Cache-Control", "no-cache");
    return {std::move(response)};
  }}};
}

}  // namespace

HandlerResult ShowPage(const ApiServices& services, Call, const Responder&) {
  if (services.is_replay) {
    return Refused({.code = "unknown_route",
                    .detail = "a replay has no page: nobody can sign in to it; see /docs"});
  }
  return ShowFile("web/page.html");
}

HandlerResult ShowPageFile(const ApiServices&, Call call, const Responder&) {
  return ShowFile("web/" + call.captures.at(0));
}

HandlerResult ShowDocs(const ApiServices&, Call, const Responder&) {
  return ShowFile("docs/index.html");
}

HandlerResult ShowDocsFile(const ApiServices&, Call call, const Responder&) {
  return ShowFile("docs/" + call.captures.at(0));
}

}  // namespace stagelog
