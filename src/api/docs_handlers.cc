// The page that shows the description of the API, and lets one try it.
#include <algorithm>
#include <string>

#include "api/api.h"
#include "api/docs.h"
#include "http/problem.h"

namespace stagelog {
namespace {

// The page takes nothing from elsewhere, and nobody may put it into a frame.
constexpr const char* kDocsPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const char* TypeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  return "text/javascript; charset=utf-8";
}

// On the pool, where large answers are compressed.
HandlerResult ShowFile(const std::string& name) {
  const auto files = DocsFiles();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&name](const DocsFile& file) { return file.name == name; });
  if (found == files.end()) {
    return Refused({.code = "unknown_route", .detail = "there is no such file of /docs"});
  }
  return {RunOnPool{[file = *found]() -> HandlerResult {
    httplib::Response response;
    response.status = 200;
    response.body = file.bytes;
    response.headers.emplace("Content-Type", TypeOf(file.name));
    response.headers.emplace("Content-Security-Policy", kDocsPolicy);
    response.headers.emplace("X-Content-Type-Options", "nosniff");
    response.headers.emplace("Cache-Control", "no-cache");
    return {std::move(response)};
  }}};
}

}  // namespace

HandlerResult ShowDocs(const ApiServices&, Call, const Responder&) {
  return ShowFile("index.html");
}

HandlerResult ShowDocsFile(const ApiServices&, Call call, const Responder&) {
  return ShowFile(call.captures.at(0));
}

}  // namespace stagelog
